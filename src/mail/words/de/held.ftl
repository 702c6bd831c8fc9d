# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Es folgen die Nummern, jede mit ihrem Grund, und held-decides.
held = Diese SMS werden zurückgehalten, und der Administrator wurde benachrichtigt:
    .subject = SMS zurückgehalten: { $about }
held-decides = Der Administrator entscheidet, ob sie gesendet werden. Wird bis { $until } nichts entschieden, werden sie aufgegeben, und Sie werden benachrichtigt. Sie brauchen sie nicht erneut zu senden.

# An den Administrator.
spending =
    { $what }

    Weitere SMS werden zurückgehalten: Sie werden nicht gesendet und gehen nicht verloren.

    `sms-milter queue list --state held` zeigt sie an,
    `sms-milter queue release ID`, `--sender ADRESSE` oder `--all` gibt sie frei,
    `sms-milter queue cancel ID` nimmt eine zurück.

    Was nicht freigegeben wird, wird nach queue.expire aufgegeben, und der Absender wird benachrichtigt. Dieser Hinweis kommt einmal und erneut, wenn es länger als einen Tag andauert oder zurückgehaltene SMS freigegeben wurden.
    .subject = SMS werden zurückgehalten

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } schreibt an benachbarte Nummern, { $block }000 bis { $block }999: an mehr als { $numbers } davon in { $span }. Das tun auch jene, die mit einem gestohlenen Passwort an Anrufen und SMS zu eigenen Nummern verdienen. Das Limit ist limits.run.
spending-user-hour = { $account } hat in einer Stunde { $limit } SMS (Segmente) gesendet, alles, was limits.per_user_hour erlaubt.
spending-number-hour = { $account } sendet an eine Nummer, an die in einer Stunde { $limit } SMS (Segmente) gingen, alles, was limits.per_number_hour erlaubt, und höchstens { $forwarded } für das, was incoming.rules weiterleitet.
spending-site-day = Die { $limit } SMS (Segmente), die limits.site_day am { $day } erlaubt, sind verbraucht.
