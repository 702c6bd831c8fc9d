# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = questo telefono non vuole SMS: il titolare si è disiscritto
reason-no-gateway = nessun gateway può trasportare questo messaggio
reason-said = «{ $said }»
reason-held-run = trattenuto: più di { $numbers } numeri vicini in { $span } (limits.run)
reason-held-user-hour = trattenuto: più di { $limit } SMS di un mittente in un'ora (limits.per_user_hour)
reason-held-number-hour = trattenuto: più di { $limit } SMS a un numero in un'ora (limits.per_number_hour, o il limite di ciò che inoltra incoming.rules)
reason-held-site-day = trattenuto: i { $limit } SMS che questo sito invia il { $day } sono esauriti (limits.site_day)
reason-given-up = il fornitore non ha potuto consegnarlo
reason-given-up-code = il fornitore non ha potuto consegnarlo (il suo codice: { $code })
reason-given-up-unknown = forse è stato inviato lo stesso, nessuno lo sa; chieda se è arrivato prima di inviarlo di nuovo
reason-status = { $status ->
        [64] la rete non ha funzionato (errore di procedura remota)
        [65] il telefono non può ricevere un SMS simile (destinazione incompatibile)
        [66] il telefono lo ha rifiutato
        [67] il numero non è raggiungibile
        [68] la rete non offre la qualità di servizio necessaria
        [69] da questa rete non c'è strada verso quella del telefono
        [70] il telefono non è stato raggiunto prima della scadenza dell'SMS
        [71] il mittente lo ha cancellato
        [72] l'operatore della rete lo ha cancellato
        [73] la rete non lo conosce più
        [80] la rete ha rinunciato per un motivo proprio
        [96] la rete era congestionata
        [97] il telefono era occupato
        [98] il telefono non ha risposto
        [99] la rete lo ha respinto
        [100] la rete non offriva la qualità di servizio necessaria
        [101] il telefono ha avuto un errore
       *[other] la rete lo ha respinto, con uno stato che nessuno standard conosce
    } (stato { $code })
