# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Mehrere Personen haben Ihnen geschrieben. Beginnen Sie Ihre Antwort mit #Name#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } an { $address } wartet darauf, als SMS gesendet zu werden: Eine Mobilnummer von { $address } ist hier nicht bekannt.

    Bitte antworten Sie auf diese E-Mail mit der Nummer im Betreff, also

        Betreff: +15551234567

    Die Nummer wird für das nächste Mal gespeichert, { $address } wird darüber benachrichtigt, und Ihre SMS wird gesendet.
    Ohne Antwort bis { $until } wird die SMS nicht gesendet, und Sie werden benachrichtigt.
    .subject = Mobilnummer von { $address }?
number-question-mail = Ihre E-Mail
number-question-mail-about = Ihre E-Mail „{ $subject }“
