# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Le hanno scritto più persone. Inizi la risposta con #nome#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } a { $address } attende di essere inviato via SMS: qui non è noto alcun numero di cellulare di { $address }.

    Risponda a questo messaggio indicando il numero nell'oggetto, ad esempio

        Oggetto: +15551234567

    Il numero verrà conservato per la prossima volta, { $address } ne sarà informato e il Suo SMS verrà inviato.
    Senza risposta entro { $until } l'SMS non verrà inviato e Lei ne sarà informato.
    .subject = Numero di cellulare di { $address }?
number-question-mail = Il Suo messaggio
number-question-mail-about = Il Suo messaggio «{ $subject }»
