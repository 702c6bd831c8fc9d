# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    Der Mailserver hat die angehängte Mail an { $recipient } abgelehnt:

    { $why }
    .subject = Mail an { $recipient } wurde abgelehnt
mail-not-posted =
    Was { $recipient } zugestellt werden sollte, wurde nicht angenommen: { $why }

    { $content }
mta-away =
    Der Mailserver unter { $target } hat seit einer Stunde oder länger keine Mail angenommen:

    { $why }

    Mails aus SMS und Berichte an Absender warten, bis er es tut. Prüfen Sie, ob er läuft und ob mail.inject seine Adresse ist; sms-milter check probiert es.
    .subject = Mails aus SMS konnten nicht übergeben werden
mta-tls =
    Die Verbindung zum Mailserver unter { $target } ist nicht vertraulich:

    { $why }

    Mails aus SMS und Berichte an Absender warten, bis sie es ist. Der Name aus mail.inject muss im Zertifikat stehen, und die Stelle, die es unterschrieben hat, muss diesem Rechner bekannt sein oder in mail.inject_ca stehen; sms-milter check probiert es.
    .subject = Das Zertifikat des Mailservers ist nicht gültig
mta-login =
    Der Mailserver unter { $target } hat die Anmeldung von sms-milter abgelehnt:

    { $why }

    Mails aus SMS und Berichte an Absender warten, bis sie stimmt. Berichtigen Sie mail.inject_user und mail.inject_password, und starten Sie sms-milter neu; sms-milter check probiert es.
    .subject = Der Mailserver kennt sms-milter nicht
