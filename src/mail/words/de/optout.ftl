# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = Sie erhalten keine SMS mehr von uns. Antworten Sie START, um sie wieder zu erhalten.
opt-in-confirmation = Sie erhalten unsere SMS wieder. Antworten Sie STOP, um sie zu beenden.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } hat sich abgemeldet: Von dort kam „{ $word }“. Dorthin wird keine SMS mehr gesendet, bis von dort START kommt oder ein Administrator die Nummer von der Liste nimmt.
opted-in = { $number } hat sich wieder angemeldet: Von dort kam „{ $word }“. Dorthin können wieder SMS gesendet werden.
