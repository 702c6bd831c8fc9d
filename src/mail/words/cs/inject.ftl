# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    Poštovní server odmítl přiloženou zprávu pro { $recipient }:

    { $why }
    .subject = Pošta pro { $recipient } byla odmítnuta
mail-not-posted =
    Co mělo být doručeno { $recipient }, nebylo přijato: { $why }

    { $content }
mta-away =
    Poštovní server { $target } nepřijímá poštu hodinu nebo déle:

    { $why }

    Zprávy z SMS a hlášení odesílatelům čekají, až ji přijme. Zkontrolujte, zda běží a zda je mail.inject jeho adresa; sms-milter check to vyzkouší.
    .subject = Zprávy z SMS nebylo možné předat
mta-tls =
    Spojení s poštovním serverem { $target } není důvěrné:

    { $why }

    Zprávy z SMS a hlášení odesílatelům čekají, až bude. Jméno z mail.inject musí být v certifikátu a autoritu, která jej podepsala, musí tento počítač znát nebo musí být v mail.inject_ca; sms-milter check to vyzkouší.
    .subject = Certifikát poštovního serveru není platný
mta-login =
    Poštovní server { $target } odmítl přihlášení sms-milter:

    { $why }

    Zprávy z SMS a hlášení odesílatelům čekají, až bude správné. Opravte mail.inject_user a mail.inject_password a restartujte sms-milter; sms-milter check je vyzkouší.
    .subject = Poštovní server nezná sms-milter
