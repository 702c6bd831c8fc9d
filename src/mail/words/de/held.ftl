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
