# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = ce téléphone ne veut pas de SMS : son propriétaire s'est désinscrit
reason-no-gateway = aucune passerelle ne peut acheminer ce message
reason-said = « { $said } »
reason-held-run = retenu : plus de { $numbers } numéros voisins en { $span } (limits.run)
reason-held-user-hour = retenu : plus de { $limit } SMS d'un même expéditeur en une heure (limits.per_user_hour)
reason-held-number-hour = retenu : plus de { $limit } SMS au même numéro en une heure (limits.per_number_hour, ou la limite de ce que incoming.rules fait suivre)
reason-held-site-day = retenu : les { $limit } SMS que ce site envoie le { $day } sont épuisés (limits.site_day)
reason-given-up = le fournisseur n'a pas pu le distribuer
reason-given-up-code = le fournisseur n'a pas pu le distribuer (son code : { $code })
reason-given-up-unknown = il a peut-être été envoyé malgré tout, personne ne le sait ; vérifiez qu'il n'est pas arrivé avant de le renvoyer
reason-status = { $status ->
        [64] le réseau a échoué (erreur de procédure distante)
        [65] le téléphone ne peut pas recevoir un tel SMS (destination incompatible)
        [66] le téléphone l'a refusé
        [67] le numéro ne peut pas être obtenu
        [68] le réseau n'offre pas la qualité de service nécessaire
        [69] aucun chemin ne mène de ce réseau à celui du téléphone
        [70] le téléphone n'a pas été joint avant l'expiration du SMS
        [71] l'expéditeur l'a supprimé
        [72] l'opérateur du réseau l'a supprimé
        [73] le réseau ne le connaît plus
        [80] le réseau a renoncé pour une raison qui lui est propre
        [96] le réseau était saturé
        [97] le téléphone était occupé
        [98] le téléphone n'a pas répondu
        [99] le réseau l'a rejeté
        [100] le réseau n'offrait pas la qualité de service nécessaire
        [101] le téléphone a eu une erreur
       *[other] le réseau l'a rejeté, avec un état qu'aucune norme ne connaît
    } (état { $code })
