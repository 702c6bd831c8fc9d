# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# A ciascuno seguono $text e alarm-hint.
alarm-parked = Il gateway SMS { $gateway } richiede il Suo intervento:
    .subject = Il gateway SMS { $gateway } richiede il Suo intervento
alarm-down = Il gateway SMS { $gateway } è fuori servizio:
    .subject = Il gateway SMS { $gateway } è fuori servizio
alarm-storage = La memoria del gateway SMS { $gateway } è quasi piena:
    .subject = Gateway SMS { $gateway }: memoria quasi piena
alarm-limit = Il gateway SMS { $gateway } ha esaurito il suo limite:
    .subject = Il gateway SMS { $gateway } ha esaurito il suo limite
alarm-balance = Il credito del gateway SMS { $gateway } sta per esaurirsi:
    .subject = Gateway SMS { $gateway }: credito quasi esaurito
alarm-hint = `sms-milter gateways list` ne mostra lo stato. Questo avviso viene inviato una volta, e di nuovo se il problema si ripresenta.

disk-full =
    { $text }

    Liberi spazio: i nuovi SMS saranno accettati subito, senza riavvio. Questo avviso viene inviato una volta, e di nuovo se il problema si ripresenta.
    .subject = Il disco della coda SMS è pieno
