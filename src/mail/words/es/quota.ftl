# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } ha enviado { $used } de los { $limit } SMS (segmentos) de este mes; quedan { $left }. La cuenta vuelve a empezar el { $anew }.
    .subject = Se ha consumido el { $percent } % de los SMS de este mes
quota-month-all = { $account } ha enviado los { $limit } SMS (segmentos) de este mes. Los siguientes se rechazan. La cuenta vuelve a empezar el { $anew }.
    .subject = Se han consumido todos los SMS de este mes
quota-credit = { $account } ha enviado { $used } de los { $limit } SMS (segmentos) de su saldo; quedan { $left }. Un administrador puede renovarlo.
    .subject = Se ha consumido el { $percent } % de los SMS de su saldo
quota-credit-all = { $account } ha enviado los { $limit } SMS (segmentos) de su saldo. Los siguientes se rechazan. Un administrador puede renovarlo.
    .subject = Se han consumido todos los SMS de su saldo
