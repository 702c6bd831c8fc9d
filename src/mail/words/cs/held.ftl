# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Následují čísla, každé se svým důvodem, a held-decides.
held = Tyto SMS jsou pozdrženy a správce o tom byl informován:
    .subject = SMS pozdržena: { $about }
held-decides = O jejich odeslání rozhodne správce. Nebude-li rozhodnuto do { $until }, odeslány nebudou a dáme vám vědět. Není třeba je posílat znovu.

# Správci.
spending =
    { $what }

    Další SMS se pozdržují: neodesílají se a neztratí se.

    `sms-milter queue list --state held` je zobrazí,
    `sms-milter queue release ID`, `--sender ADRESA` nebo `--all` je odešle,
    `sms-milter queue cancel ID` jednu zruší.

    Co nebude uvolněno, po uplynutí queue.expire se zahodí a odesílatel se to dozví. Toto upozornění přijde jednou a znovu tehdy, trvá-li stav déle než den nebo byly-li pozdržené SMS uvolněny.
    .subject = SMS jsou pozdrženy

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } píše na sousední čísla, { $block }000 až { $block }999: na více než { $numbers } z nich, sledovaná doba: { $span }. Tak si s ukradeným heslem počínají ti, kdo vydělávají na hovorech a SMS na vlastní čísla. Limit je limits.run.
spending-user-hour = { $account } za hodinu odesílá { $limit } SMS (segmentů), což je vše, co limits.per_user_hour dovoluje.
spending-number-hour = { $account } píše na číslo, na které za hodinu odešlo { $limit } SMS (segmentů), což je vše, co limits.per_number_hour dovoluje, a nejvýše { $forwarded } pro to, co přeposílá incoming.rules.
spending-site-day = { $limit } SMS (segmentů), které limits.site_day dne { $day } dovoluje, je vyčerpáno.
