# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Des courriels de { $account } à un téléphone étaient des réponses automatiques à des SMS de ce téléphone, ou des courriels issus de SMS renvoyés comme SMS :

    { $phone ->
        [none] (plusieurs téléphones)
       *[other] le téléphone : { $phone }
    }

    Ils ont été arrêtés, et plus aucun SMS n’en part. Cherchez une réponse automatique qui ne dit pas ce qu’elle est (Auto-Submitted, RFC 3834), un renvoi vers une adresse SMS, ou une passerelle à l’autre bout qui renvoie ce qu’elle reçoit. Ceci est dit une fois par jour.
    .subject = Des SMS et des courriels tournaient en rond
