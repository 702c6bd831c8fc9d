# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    Il server di posta ha rifiutato la mail allegata a { $recipient }:

    { $why }
    .subject = La mail a { $recipient } è stata rifiutata
mail-not-posted =
    Ciò che andava consegnato a { $recipient } non è stato accettato: { $why }

    { $content }
mta-away =
    Il server di posta { $target } non accetta mail da un’ora o più:

    { $why }

    Le mail nate da SMS e i rapporti ai mittenti attendono finché non lo farà. Verifichi che funzioni e che mail.inject sia il suo indirizzo; sms-milter check lo prova.
    .subject = Le mail nate da SMS non hanno potuto essere consegnate
mta-tls =
    La connessione al server di posta { $target } non è riservata:

    { $why }

    Le mail nate da SMS e i rapporti ai mittenti attendono finché non lo sarà. Il nome in mail.inject deve stare nel certificato, e l’autorità che l’ha firmato deve essere nota a questa macchina o stare in mail.inject_ca; sms-milter check lo prova.
    .subject = Il certificato del server di posta non è valido
mta-login =
    Il server di posta { $target } ha rifiutato l’accesso di sms-milter:

    { $why }

    Le mail nate da SMS e i rapporti ai mittenti attendono finché non sarà giusto. Corregga mail.inject_user e mail.inject_password e riavvii sms-milter; sms-milter check li prova.
    .subject = Il server di posta non conosce sms-milter
