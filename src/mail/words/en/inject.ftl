# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    The mail server refused the attached mail to { $recipient }:

    { $why }
    .subject = Mail to { $recipient } was refused
mail-not-posted =
    What was to be posted to { $recipient } was not taken: { $why }

    { $content }
mta-away =
    The mail server at { $target } took no mail for an hour or longer:

    { $why }

    Mails made of SMS, and reports to senders, wait until it does. Look whether it runs, and whether mail.inject is its address; sms-milter check tries it.
    .subject = Mails made of SMS could not be handed in
mta-tls =
    The connection to the mail server at { $target } is not private:

    { $why }

    Mails made of SMS, and reports to senders, wait until it is. The name in mail.inject must be in the certificate, and the authority that signed it must be one of this machine's or in mail.inject_ca; sms-milter check tries it.
    .subject = The mail server's certificate is not good
mta-login =
    The mail server at { $target } refused the login of sms-milter:

    { $why }

    Mails made of SMS, and reports to senders, wait until it is right. Correct mail.inject_user and mail.inject_password, and restart sms-milter; sms-milter check tries them.
    .subject = The mail server does not know sms-milter
