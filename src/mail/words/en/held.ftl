# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Followed by the numbers, each with its reason, and by held-decides.
held = These SMS are held, and an administrator has been told:
    .subject = SMS held: { $about }
held-decides = The administrator decides whether they go out. If nothing is decided until { $until }, they are given up and you hear of it. You need not send them again.

# To the administrator.
spending =
    { $what }

    Further SMS are held: they are not sent and not lost.

    `sms-milter queue list --state held` shows them,
    `sms-milter queue release ID`, `--sender ADDRESS` or `--all` sends them,
    `sms-milter queue cancel ID` takes one back.

    What is not released is given up after queue.expire, and its sender hears of it. This is said once, and again when it goes on for a day or when held SMS were released.
    .subject = SMS are held

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } writes to neighbouring numbers, { $block }000 to { $block }999: more than { $numbers } of them in { $span }. So do those who earn by calls and SMS to their own numbers, with a stolen password. The limit is limits.run.
spending-user-hour = { $account } has sent { $limit } SMS (segments) in an hour, which is all that limits.per_user_hour allows.
spending-number-hour = { $account } sends to a number that has been sent { $limit } SMS (segments) in an hour, which is all that limits.per_number_hour allows, and { $forwarded } at most for what incoming.rules forwards.
spending-site-day = The { $limit } SMS (segments) that limits.site_day allows on { $day } are used up.
