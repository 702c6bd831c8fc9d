# What a phone is asked when several people wrote to it. One SMS: at most 70 characters, for the accents.
conflict-question = Napsalo vám více lidí. Odpověď začněte takto: #jméno#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } pro { $address } čeká na odeslání jako SMS: mobilní číslo { $address } zde není známo.

    Odpovězte prosím na tento e-mail a do předmětu napište číslo, například

        Předmět: +15551234567

    Číslo se uloží pro příště, { $address } o tom dostane zprávu a vaše SMS se odešle.
    Bez odpovědi do { $until } se SMS neodešle a dáme vám vědět.
    .subject = Mobilní číslo { $address }?
number-question-mail = Váš e-mail
number-question-mail-about = Váš e-mail „{ $subject }“
