# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = este teléfono no quiere SMS: su titular se ha dado de baja
reason-no-gateway = ninguna pasarela puede transportar este mensaje
reason-said = «{ $said }»
reason-held-run = retenido: más de { $numbers } números vecinos en { $span } (limits.run)
reason-held-user-hour = retenido: más de { $limit } SMS de un remitente en una hora (limits.per_user_hour)
reason-held-number-hour = retenido: más de { $limit } SMS a un número en una hora (limits.per_number_hour, o el límite de lo que reenvía incoming.rules)
reason-held-site-day = retenido: los { $limit } SMS que este sitio envía el { $day } están agotados (limits.site_day)
reason-given-up = el proveedor no pudo entregarlo
reason-given-up-code = el proveedor no pudo entregarlo (su código: { $code })
reason-given-up-unknown = quizá se haya enviado de todos modos, nadie lo sabe; pregunte si ha llegado antes de enviarlo otra vez
reason-status = { $status ->
        [64] la red falló (error de procedimiento remoto)
        [65] el teléfono no puede recibir un SMS así (destino incompatible)
        [66] el teléfono lo rechazó
        [67] no se puede obtener el número
        [68] la red no ofrece la calidad de servicio necesaria
        [69] no hay camino de esta red a la del teléfono
        [70] no se alcanzó el teléfono antes de que el SMS caducara
        [71] el remitente lo borró
        [72] el operador de la red lo borró
        [73] la red ya no lo conoce
        [80] la red desistió por un motivo propio
        [96] la red estaba saturada
        [97] el teléfono estaba ocupado
        [98] el teléfono no respondió
        [99] la red lo rechazó
        [100] la red no ofrecía la calidad de servicio necesaria
        [101] el teléfono tuvo un error
       *[other] la red lo rechazó, con un estado que ninguna norma conoce
    } (estado { $code })
