# Segni nel testo di un SMS lungo, ciascuno su una riga: parti non arrivate, e parti in ritardo che seguono.
part-missing = [manca la parte { $part } di { $parts }]
parts-missing = [mancano le parti da { $from } a { $to } di { $parts }]
part-late = [parte { $part } di { $parts }]
parts-late = [parti da { $from } a { $to } di { $parts }]

# All'amministratore. $parts, $senders: quanti. $worst: il mittente della maggior parte, che ne ha inviate $most.
flood =
    Sono arrivate parti di SMS lunghi senza le altre: più di quante qualcuno ne legga come e-mail. Sono conservate, in
    quarantena, e in nessuna e-mail.

        Parti: { $parts }
        Mittenti: { $senders }
        La maggior parte da: { $worst } ({ $most })

    `sms-milter inbound list` le mostra. `sms-milter inbound release --sender MITTENTE`, o --all, le consegna comunque;
    `sms-milter inbound drop --sender MITTENTE`, o --all, le scarta. Questo viene detto al massimo una volta all'ora.
    .subject = Una marea di SMS con parti mancanti
