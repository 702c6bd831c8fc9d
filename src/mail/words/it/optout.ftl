# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = Non riceverà più SMS da noi. Risponda START per riceverli di nuovo.
opt-in-confirmation = Riceverà di nuovo i nostri SMS. Risponda STOP per non riceverli.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } ha chiesto di non ricevere SMS: ha inviato «{ $word }». Non gli viene inviato alcun SMS finché non invia START o un amministratore non lo toglie dall’elenco.
opted-in = { $number } vuole di nuovo ricevere SMS: ha inviato «{ $word }». Gli si possono inviare di nuovo SMS.
