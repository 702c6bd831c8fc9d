# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } a envoyé { $used } des { $limit } SMS (segments) de ce mois ; il en reste { $left }. Le décompte recommence le { $anew }.
    .subject = { $percent } % des SMS de ce mois sont utilisés
quota-month-all = { $account } a envoyé la totalité des { $limit } SMS (segments) de ce mois. Les suivants sont refusés. Le décompte recommence le { $anew }.
    .subject = Tous les SMS de ce mois sont utilisés
quota-credit = { $account } a envoyé { $used } des { $limit } SMS (segments) de son crédit ; il en reste { $left }. Un administrateur peut le renouveler.
    .subject = { $percent } % des SMS de votre crédit sont utilisés
quota-credit-all = { $account } a envoyé la totalité des { $limit } SMS (segments) de son crédit. Les suivants sont refusés. Un administrateur peut le renouveler.
    .subject = Tous les SMS de votre crédit sont utilisés
