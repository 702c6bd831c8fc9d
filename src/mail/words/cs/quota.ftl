# To an account, about what it has used: SMS are counted by segment. $used of $limit; $left are left. $anew: the
# day on which the month's count starts anew.

quota-month = Účet { $account } odeslal tento měsíc { $used } z { $limit } SMS (segmentů); zbývá { $left }. Počítadlo začne znovu { $anew }.
    .subject = Vyčerpáno { $percent } % SMS na tento měsíc
quota-month-all = Účet { $account } odeslal všech { $limit } SMS (segmentů) na tento měsíc. Další se odmítají. Počítadlo začne znovu { $anew }.
    .subject = Všechny SMS na tento měsíc jsou vyčerpány
quota-credit = Účet { $account } odeslal { $used } z { $limit } SMS (segmentů) svého kreditu; zbývá { $left }. Kredit může obnovit správce.
    .subject = Vyčerpáno { $percent } % SMS vašeho kreditu
quota-credit-all = Účet { $account } odeslal všech { $limit } SMS (segmentů) svého kreditu. Další se odmítají. Kredit může obnovit správce.
    .subject = Všechny SMS vašeho kreditu jsou vyčerpány
