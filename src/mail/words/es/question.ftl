# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Varias personas le han escrito. Empiece su respuesta con #nombre#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } a { $address } espera para enviarse por SMS: aquí no se conoce ningún número de móvil de { $address }.

    Responda a este mensaje con el número en el asunto, por ejemplo

        Asunto: +15551234567

    El número se guardará para la próxima vez, se avisará a { $address } y su SMS se enviará.
    Si no hay respuesta antes de { $until }, el SMS no se enviará y se le avisará.
    .subject = ¿Número de móvil de { $address }?
number-question-mail = Su mensaje
number-question-mail-about = Su mensaje «{ $subject }»
