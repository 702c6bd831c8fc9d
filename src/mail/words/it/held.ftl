# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Seguono i numeri, ciascuno con il suo motivo, e held-decides.
held = Questi SMS sono trattenuti e un amministratore è stato informato:
    .subject = SMS trattenuto: { $about }
held-decides = L'amministratore decide se inviarli. Se non viene deciso nulla entro { $until }, l'invio viene abbandonato e Lei ne sarà informato. Non occorre inviarli di nuovo.

# All'amministratore.
spending =
    { $what }

    Gli SMS successivi sono trattenuti: non vengono inviati e non vanno persi.

    `sms-milter queue list --state held` li mostra,
    `sms-milter queue release ID`, `--sender INDIRIZZO` o `--all` li invia,
    `sms-milter queue cancel ID` ne annulla uno.

    Ciò che non viene rilasciato è abbandonato dopo queue.expire e il mittente ne è informato. Questo avviso viene inviato una volta, e di nuovo se la situazione dura più di un giorno o se sono stati rilasciati SMS trattenuti.
    .subject = Ci sono SMS trattenuti

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } scrive a numeri vicini, da { $block }000 a { $block }999: a più di { $numbers } in { $span }. Così fa, con una password rubata, chi guadagna con chiamate e SMS verso i propri numeri. Il limite è limits.run.
spending-user-hour = { $account } ha inviato { $limit } SMS (segmenti) in un'ora, tutto ciò che limits.per_user_hour consente.
spending-number-hour = { $account } scrive a un numero a cui sono stati inviati { $limit } SMS (segmenti) in un'ora, tutto ciò che limits.per_number_hour consente, e al massimo { $forwarded } per ciò che inoltra incoming.rules.
spending-site-day = I { $limit } SMS (segmenti) che limits.site_day consente il { $day } sono esauriti.
