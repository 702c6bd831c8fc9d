# Marken im Text einer langen SMS, jede in einer eigenen Zeile: Teile, die nicht kamen, und verspätete, die folgen.
part-missing = [Teil { $part } von { $parts } fehlt]
parts-missing = [Teile { $from } bis { $to } von { $parts } fehlen]
part-late = [Teil { $part } von { $parts }]
parts-late = [Teile { $from } bis { $to } von { $parts }]

# An den Administrator. $parts, $senders: wie viele. $worst: der Absender der meisten; er sandte $most.
flood =
    Es kamen Teile langer SMS, deren übrige Teile ausblieben: mehr, als jemand als E-Mails liest. Sie sind aufbewahrt, in
    Quarantäne, und in keiner E-Mail.

        Teile: { $parts }
        Absender: { $senders }
        Die meisten von: { $worst } ({ $most })

    `sms-milter inbound list` zeigt sie. `sms-milter inbound release --sender ABSENDER`, oder --all, stellt sie doch zu;
    `sms-milter inbound drop --sender ABSENDER`, oder --all, verwirft sie. Dies wird höchstens einmal je Stunde gesagt.
    .subject = Eine Flut von SMS mit fehlenden Teilen
