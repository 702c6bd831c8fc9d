# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = Usted ya no recibe nuestros SMS. Responda START para recibirlos de nuevo.
opt-in-confirmation = Recibe de nuevo nuestros SMS. Responda STOP para no recibirlos.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } se ha dado de baja: envió «{ $word }». No se le envían más SMS hasta que envíe START o un administrador lo quite de la lista.
opted-in = { $number } se ha dado de alta de nuevo: envió «{ $word }». Se le pueden enviar SMS otra vez.
