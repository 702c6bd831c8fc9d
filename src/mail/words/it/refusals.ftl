# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = Questo messaggio contiene troppi messaggi annidati per essere inviato come SMS
refused-too-many-parts = Questo messaggio ha troppe parti per essere inviato come SMS
refused-long-header = L'intestazione di questo messaggio è troppo lunga per inviarlo come SMS
refused-too-big = Questo messaggio è troppo grande: il testo arriva troppo tardi per essere inviato come SMS
refused-no-text = Questo messaggio non ha un testo che si possa inviare come SMS
refused-encrypted = Questo messaggio è cifrato: un SMS ha bisogno di testo in chiaro
refused-sealed = Il testo di questo messaggio si trova nella firma: firmi come testo in chiaro
refused-files = I file non si possono inviare come SMS: invii solo il testo
refused-damaged = Questo messaggio è danneggiato e non si può inviare come SMS
refused-too-long = Il testo è più lungo di quanto può inviare in una volta
