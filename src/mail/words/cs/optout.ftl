# What a phone is told that sent STOP, and one that sent START. One SMS each: at most 70 characters, for the accents.
opt-out-confirmation = Další SMS od nás už nedostanete. Obnovíte je odpovědí START.
opt-in-confirmation = Naše SMS budete opět dostávat. Ukončíte je odpovědí STOP.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } se odhlásil: poslal „{ $word }“. Další SMS se tam neposílají, dokud odtud nepřijde START nebo správce číslo ze seznamu neodebere.
opted-in = { $number } se znovu přihlásil: poslal „{ $word }“. SMS tam lze opět posílat.
