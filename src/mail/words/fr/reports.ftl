# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Votre SMS au { $number } n'a pas été envoyé : { $reason }.
    .subject = SMS non envoyé : { $about }
report-expired = Votre SMS au { $number } n'a pas pu être envoyé à temps et a été abandonné. Dernière raison : { $reason }.
    .subject = SMS non envoyé : { $about }
report-unknown = Votre SMS au { $number } a peut-être été envoyé : { $reason }. Il ne sera pas répété. Vérifiez qu'il n'est pas arrivé avant de le renvoyer.
    .subject = SMS peut-être non envoyé : { $about }
report-late = Votre SMS au { $number } n'a pas encore été envoyé : { $reason }. Les tentatives se poursuivront jusqu'au { $until }. Il est inutile de le renvoyer.
    .subject = SMS retardé : { $about }
report-confirmed = Votre SMS au { $number } a été remis au réseau le { $at } en { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }. On ignore s'il a atteint le téléphone : le réseau ne l'indique pas.
    .subject = SMS envoyé : { $about }
report-overdue = Votre SMS au { $number } a été remis au réseau le { $at } en { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }. Le réseau n'a pas encore confirmé que le téléphone l'a reçu ; vous en serez informé dès qu'il le fera.
    .subject = SMS envoyé, pas encore distribué : { $about }
report-delivered = Votre SMS au { $number } a été distribué le { $at } en { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }.
    .subject = SMS distribué : { $about }
report-undelivered = Votre SMS au { $number } a été envoyé, mais n'a pas atteint le téléphone : { $reason }.
    .subject = SMS non distribué : { $about }
report-progress = Parties envoyées : { $sent } sur { $parts }.
report-progress-unknown = Parties envoyées : { $sent } sur { $parts } ; sort inconnu : { $unknown }.

# La raison d'un rapport quand aucune passerelle n'en a donné.
reason-failed = refusé
reason-expired = aucune passerelle ne l'a accepté à temps
reason-unknown = la passerelle n'a pas indiqué s'il a été envoyé
reason-late = aucune passerelle ne l'a encore accepté
reason-undelivered = le réseau n'a pas pu le distribuer

# Suivi des destinataires, chacun avec sa raison.
report-refused = Votre message n'a pas été envoyé par SMS aux destinataires suivants :
    .subject = SMS non envoyé : { $about }

# Suivi du texte envoyé.
report-cut = Votre SMS au { $number } était trop long et a été réduit à { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }. Voici ce qui a été envoyé :
    .subject = SMS réduit à { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    } : { $about }
