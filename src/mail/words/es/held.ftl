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
