# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Il Suo SMS al numero { $number } non è stato inviato: { $reason }.
    .subject = SMS non inviato: { $about }
report-expired = Il Suo SMS al numero { $number } non è stato inviato in tempo e l'invio è stato abbandonato. Ultimo motivo: { $reason }.
    .subject = SMS non inviato: { $about }
report-unknown = Il Suo SMS al numero { $number } potrebbe essere stato inviato: { $reason }. Non verrà ripetuto. Chieda se è arrivato prima di inviarlo di nuovo.
    .subject = SMS forse non inviato: { $about }
report-late = Il Suo SMS al numero { $number } non è ancora stato inviato: { $reason }. I tentativi continueranno fino a { $until }. Non occorre inviarlo di nuovo.
    .subject = SMS in ritardo: { $about }
report-confirmed = Il Suo SMS al numero { $number } è stato consegnato alla rete il { $at } in { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmenti
    }. Non si sa se abbia raggiunto il telefono: la rete non lo comunica.
    .subject = SMS inviato: { $about }
report-overdue = Il Suo SMS al numero { $number } è stato consegnato alla rete il { $at } in { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmenti
    }. La rete non ha ancora confermato che il telefono l'abbia ricevuto; quando lo farà, riceverà un avviso.
    .subject = SMS inviato, non ancora recapitato: { $about }
report-delivered = Il Suo SMS al numero { $number } è stato recapitato il { $at } in { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmenti
    }.
    .subject = SMS recapitato: { $about }
report-undelivered = Il Suo SMS al numero { $number } è stato inviato, ma non ha raggiunto il telefono: { $reason }.
    .subject = SMS non recapitato: { $about }
report-progress = Parti inviate: { $sent } su { $parts }.
report-progress-unknown = Parti inviate: { $sent } su { $parts }; esito ignoto: { $unknown }.

# Il motivo di un rapporto quando nessun gateway ne ha indicato uno.
reason-failed = rifiutato
reason-expired = nessun gateway l'ha accettato in tempo
reason-unknown = il gateway non ha comunicato se sia stato inviato
reason-late = nessun gateway l'ha ancora accettato
reason-undelivered = la rete non ha potuto recapitarlo

# Seguono i destinatari, ciascuno con il suo motivo.
report-refused = Il Suo messaggio non è stato inviato via SMS ai seguenti destinatari:
    .subject = SMS non inviato: { $about }

# Segue il testo inviato.
report-cut = Il Suo SMS al numero { $number } era troppo lungo ed è stato abbreviato a { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmenti
    }. Ecco ciò che è stato inviato:
    .subject = SMS abbreviato a { $segments ->
        [one] 1 segmento
       *[other] { $segments } segmenti
    }: { $about }
