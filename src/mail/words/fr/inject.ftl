# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    Le serveur de messagerie a refusé le courriel ci-joint à { $recipient } :

    { $why }
    .subject = Le courriel à { $recipient } a été refusé
mail-not-posted =
    Ce qui devait être remis à { $recipient } n’a pas été accepté : { $why }

    { $content }
mta-away =
    Le serveur de messagerie { $target } n’accepte aucun courriel depuis une heure ou plus :

    { $why }

    Les courriels issus de SMS et les rapports aux expéditeurs attendent. Vérifiez qu’il fonctionne et que mail.inject est son adresse ; sms-milter check l’essaie.
    .subject = Des courriels issus de SMS n’ont pas pu être remis
mta-tls =
    La connexion au serveur de messagerie { $target } n’est pas confidentielle :

    { $why }

    Les courriels issus de SMS et les rapports aux expéditeurs attendent. Le nom écrit dans mail.inject doit figurer dans le certificat, et l’autorité qui l’a signé doit être connue de cette machine ou figurer dans mail.inject_ca ; sms-milter check l’essaie.
    .subject = Le certificat du serveur de messagerie n’est pas valable
mta-login =
    Le serveur de messagerie { $target } a refusé la connexion de sms-milter :

    { $why }

    Les courriels issus de SMS et les rapports aux expéditeurs attendent. Corrigez mail.inject_user et mail.inject_password, puis redémarrez sms-milter ; sms-milter check les essaie.
    .subject = Le serveur de messagerie ne connaît pas sms-milter
