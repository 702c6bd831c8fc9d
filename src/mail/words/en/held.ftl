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
