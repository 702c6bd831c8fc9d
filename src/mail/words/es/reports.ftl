# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Su SMS al { $number } no se ha enviado: { $reason }.
    .subject = SMS no enviado: { $about }
report-expired = Su SMS al { $number } no se pudo enviar a tiempo y se ha desistido de enviarlo. Último motivo: { $reason }.
    .subject = SMS no enviado: { $about }
report-unknown = Es posible que su SMS al { $number } se haya enviado: { $reason }. No se repetirá. Pregunte si ha llegado antes de enviarlo de nuevo.
    .subject = Es posible que el SMS no se haya enviado: { $about }
report-late = Su SMS al { $number } todavía no se ha enviado: { $reason }. Se seguirá intentando hasta { $until }. No es necesario que lo envíe de nuevo.
    .subject = SMS retrasado: { $about }
report-confirmed = Su SMS al { $number } se entregó a la red el { $at } en { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmentos
    }. No se sabe si ha llegado al teléfono: la red no lo comunica.
    .subject = SMS enviado: { $about }
report-overdue = Su SMS al { $number } se entregó a la red el { $at } en { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmentos
    }. La red aún no ha comunicado que el teléfono lo tenga; se le avisará cuando lo haga.
    .subject = SMS enviado, aún no entregado: { $about }
report-delivered = Su SMS al { $number } se entregó el { $at } en { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmentos
    }.
    .subject = SMS entregado: { $about }
report-undelivered = Su SMS al { $number } se envió, pero no llegó al teléfono: { $reason }.
    .subject = SMS no entregado: { $about }
report-progress = Partes enviadas: { $sent } de { $parts }.
report-progress-unknown = Partes enviadas: { $sent } de { $parts }; de { $unknown } no se sabe.

# El motivo de un informe cuando ninguna pasarela ha dado uno.
reason-failed = rechazado
reason-expired = ninguna pasarela lo aceptó a tiempo
reason-unknown = la pasarela no comunicó si se había enviado
reason-late = ninguna pasarela lo ha aceptado todavía
reason-undelivered = la red no pudo entregarlo

# Siguen los destinatarios, cada uno con su motivo.
report-refused = Su mensaje no se ha enviado por SMS a los siguientes destinatarios:
    .subject = SMS no enviado: { $about }

# Sigue el texto enviado.
report-cut = Su SMS al { $number } era demasiado largo y se ha recortado a { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmentos
    }. Esto es lo que se ha enviado:
    .subject = SMS recortado a { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmentos
    }: { $about }
