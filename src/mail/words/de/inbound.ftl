# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS von { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Diese SMS erhält niemand: Sie nennt keinen Benutzer, beantwortet keine E-Mail, und incoming.default ist nicht gesetzt.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}Diese SMS wurde nicht an { $number } weitergeleitet: { $reason }]
sms-forwarded-in-part = {"["}An { $number } ging nur der Anfang dieser SMS weiter: Mehr als { $segments } Segmente auf einmal dürfen nicht gesendet werden.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Was das Gateway { $gateway } am { $at } empfangen hat, konnte nicht gelesen werden: { $reason }

    Es ist als { $id } aufbewahrt, Oktett für Oktett:

    { $dump }

    Über die SMS eines Modems sagt `sms-milter pdu decode` mehr.
    .subject = Unlesbare SMS von { $gateway }
