# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = { $account } has sent { $used } of the { $limit } SMS (segments) of this month; { $left } are left. The count starts anew on { $anew }.
    .subject = { $percent } % of the SMS of this month are used up
quota-month-all = { $account } has sent all { $limit } SMS (segments) of this month. Further ones are refused. The count starts anew on { $anew }.
    .subject = All SMS of this month are used up
quota-credit = { $account } has sent { $used } of the { $limit } SMS (segments) of its credit; { $left } are left. An administrator can renew it.
    .subject = { $percent } % of the SMS of your credit are used up
quota-credit-all = { $account } has sent all { $limit } SMS (segments) of its credit. Further ones are refused. An administrator can renew it.
    .subject = All SMS of your credit are used up
