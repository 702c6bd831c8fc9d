# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = Vous ne recevrez plus de SMS de notre part. Répondez START pour les recevoir à nouveau.
opt-in-confirmation = Vous recevrez à nouveau nos SMS. Répondez STOP pour ne plus les recevoir.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } s’est désabonné en envoyant « { $word } ». Plus aucun SMS n’y est envoyé tant que ce téléphone n’envoie pas START ou qu’un administrateur ne le retire pas de la liste.
opted-in = { $number } s’est réabonné en envoyant « { $word } ». Des SMS peuvent de nouveau y être envoyés.
