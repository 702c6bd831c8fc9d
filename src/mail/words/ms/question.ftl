# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Beberapa orang telah menghantar mesej kepada anda. Mulakan jawapan anda dengan #nama#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } kepada { $address } sedang menunggu untuk dihantar melalui SMS: nombor telefon bimbit { $address } tidak diketahui di sini.

    Sila balas e-mel ini dengan nombor tersebut dalam subjek, contohnya

        Subjek: +15551234567

    Nombor itu akan disimpan untuk kegunaan akan datang, { $address } akan dimaklumkan dan SMS anda akan dihantar.
    Tanpa jawapan sebelum { $until }, SMS ini tidak akan dihantar dan anda akan dimaklumkan.
    .subject = Nombor telefon bimbit { $address }?
number-question-mail = E-mel anda
number-question-mail-about = E-mel anda "{ $subject }"
