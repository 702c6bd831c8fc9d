# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Siguen los números, cada uno con su motivo, y held-decides.
held = Estos SMS están retenidos y se ha avisado a un administrador:
    .subject = SMS retenido: { $about }
held-decides = El administrador decide si se envían. Si no se decide nada antes de { $until }, se desistirá de enviarlos y se le avisará. No es necesario que los envíe de nuevo.

# Al administrador.
spending =
    { $what }

    Los SMS siguientes quedan retenidos: ni se envían ni se pierden.

    `sms-milter queue list --state held` los muestra,
    `sms-milter queue release ID`, `--sender DIRECCIÓN` o `--all` los envía,
    `sms-milter queue cancel ID` anula uno.

    Lo que no se libere se abandonará transcurrido queue.expire y se avisará al remitente. Este aviso se envía una vez, y de nuevo si la situación dura más de un día o si se han liberado SMS retenidos.
    .subject = Hay SMS retenidos

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } escribe a números vecinos, de { $block }000 a { $block }999: a más de { $numbers } en { $span }. Así actúan, con una contraseña robada, quienes ganan con llamadas y SMS a sus propios números. El límite es limits.run.
spending-user-hour = { $account } ha enviado { $limit } SMS (segmentos) en una hora, todo lo que permite limits.per_user_hour.
spending-number-hour = { $account } escribe a un número al que se han enviado { $limit } SMS (segmentos) en una hora, todo lo que permite limits.per_number_hour, y { $forwarded } como máximo para lo que reenvía incoming.rules.
spending-site-day = Los { $limit } SMS (segmentos) que permite limits.site_day el { $day } están agotados.
