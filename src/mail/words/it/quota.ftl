# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } ha inviato { $used } dei { $limit } SMS (segmenti) di questo mese; ne restano { $left }. Il conteggio ricomincia il { $anew }.
    .subject = { $percent } % degli SMS di questo mese già utilizzato
quota-month-all = { $account } ha inviato tutti i { $limit } SMS (segmenti) di questo mese. I successivi vengono rifiutati. Il conteggio ricomincia il { $anew }.
    .subject = Tutti gli SMS di questo mese sono stati utilizzati
quota-credit = { $account } ha inviato { $used } dei { $limit } SMS (segmenti) del proprio credito; ne restano { $left }. Un amministratore può rinnovarlo.
    .subject = { $percent } % degli SMS del Suo credito già utilizzato
quota-credit-all = { $account } ha inviato tutti i { $limit } SMS (segmenti) del proprio credito. I successivi vengono rifiutati. Un amministratore può rinnovarlo.
    .subject = Tutti gli SMS del Suo credito sono stati utilizzati
