# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Several people wrote to you. Start your answer with #name#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } to { $address } waits to be sent by SMS: no mobile number of { $address } is known here.

    Please reply to this mail with the number in the subject, as

        Subject: +15551234567

    The number is kept for the next time, { $address } is told of it, and your SMS goes out.
    Without an answer until { $until } the SMS is not sent, and you are told so.
    .subject = Mobile number of { $address }?
number-question-mail = Your mail
number-question-mail-about = Your mail "{ $subject }"
