# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# A cada uno le siguen $text y alarm-hint.
alarm-parked = La pasarela de SMS { $gateway } requiere su intervención:
    .subject = La pasarela de SMS { $gateway } requiere su intervención
alarm-down = La pasarela de SMS { $gateway } está fuera de servicio:
    .subject = La pasarela de SMS { $gateway } está fuera de servicio
alarm-storage = La memoria de la pasarela de SMS { $gateway } está casi llena:
    .subject = Pasarela de SMS { $gateway }: memoria casi llena
alarm-limit = La pasarela de SMS { $gateway } ha agotado su límite:
    .subject = La pasarela de SMS { $gateway } ha agotado su límite
alarm-balance = El saldo de la pasarela de SMS { $gateway } está a punto de agotarse:
    .subject = Pasarela de SMS { $gateway }: saldo casi agotado
alarm-hint = `sms-milter gateways list` muestra su estado. Este aviso se envía una vez, y de nuevo si vuelve a ocurrir.

disk-full =
    { $text }

    Libere espacio: los SMS nuevos se aceptarán de inmediato, sin reiniciar. Este aviso se envía una vez, y de nuevo si vuelve a ocurrir.
    .subject = El disco de la cola de SMS está lleno
