# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } hat { $used } der { $limit } SMS (Segmente) dieses Monats gesendet; es bleiben { $left }. Die Zählung beginnt am { $anew } neu.
    .subject = { $percent } % der SMS dieses Monats sind verbraucht
quota-month-all = { $account } hat alle { $limit } SMS (Segmente) dieses Monats gesendet. Weitere werden abgelehnt. Die Zählung beginnt am { $anew } neu.
    .subject = Alle SMS dieses Monats sind verbraucht
quota-credit = { $account } hat { $used } der { $limit } SMS (Segmente) des Guthabens gesendet; es bleiben { $left }. Ein Administrator kann das Guthaben erneuern.
    .subject = { $percent } % der SMS Ihres Guthabens sind verbraucht
quota-credit-all = { $account } hat alle { $limit } SMS (Segmente) des Guthabens gesendet. Weitere werden abgelehnt. Ein Administrator kann das Guthaben erneuern.
    .subject = Alle SMS Ihres Guthabens sind verbraucht
