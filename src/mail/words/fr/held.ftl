# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Suivi des numéros, chacun avec sa raison, puis de held-decides.
held = Ces SMS sont retenus et un administrateur en a été informé :
    .subject = SMS retenu : { $about }
held-decides = L'administrateur décide de leur envoi. Sans décision avant le { $until }, ils seront abandonnés et vous en serez informé. Il est inutile de les renvoyer.

# À l'administrateur.
spending =
    { $what }

    Les SMS suivants sont retenus : ils ne sont ni envoyés ni perdus.

    `sms-milter queue list --state held` les affiche,
    `sms-milter queue release ID`, `--sender ADRESSE` ou `--all` les envoie,
    `sms-milter queue cancel ID` en annule un.

    Ce qui n'est pas libéré est abandonné après queue.expire et l'expéditeur en est informé. Cet avis est envoyé une fois, puis de nouveau si la situation dure plus d'un jour ou si des SMS retenus ont été libérés.
    .subject = Des SMS sont retenus

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } écrit à des numéros voisins, de { $block }000 à { $block }999 : plus de { $numbers } en { $span }. C'est ce que font, avec un mot de passe volé, ceux qui gagnent de l'argent par des appels et des SMS vers leurs propres numéros. La limite est limits.run.
spending-user-hour = { $account } a envoyé { $limit } SMS (segments) en une heure, soit tout ce que permet limits.per_user_hour.
spending-number-hour = { $account } écrit à un numéro qui a reçu { $limit } SMS (segments) en une heure, soit tout ce que permet limits.per_number_hour, et { $forwarded } au plus pour ce que incoming.rules fait suivre.
spending-site-day = Les { $limit } SMS (segments) que permet limits.site_day le { $day } sont épuisés.
