# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# Chacun est suivi de $text et de alarm-hint.
alarm-parked = La passerelle SMS { $gateway } requiert votre intervention :
    .subject = La passerelle SMS { $gateway } requiert votre intervention
alarm-down = La passerelle SMS { $gateway } est hors service :
    .subject = La passerelle SMS { $gateway } est hors service
alarm-storage = La mémoire de la passerelle SMS { $gateway } est presque pleine :
    .subject = Passerelle SMS { $gateway } : mémoire presque pleine
alarm-limit = La passerelle SMS { $gateway } a atteint sa limite :
    .subject = La passerelle SMS { $gateway } a atteint sa limite
alarm-balance = Le crédit de la passerelle SMS { $gateway } est presque épuisé :
    .subject = Passerelle SMS { $gateway } : crédit presque épuisé
alarm-hint = `sms-milter gateways list` affiche son état. Cet avis est envoyé une fois, puis de nouveau si le problème se reproduit.

disk-full =
    { $text }

    Libérez de l'espace : les nouveaux SMS seront aussitôt acceptés, sans redémarrage. Cet avis est envoyé une fois, puis de nouveau si le problème se reproduit.
    .subject = Le disque de la file d'attente SMS est plein
