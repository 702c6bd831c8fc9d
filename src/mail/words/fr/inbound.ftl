# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS de { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Personne ne reçoit ce SMS : il ne désigne aucun utilisateur, ne répond à aucun message et incoming.default n'est pas défini.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}Ce SMS n'a pas été transféré à { $number } : { $reason }]
sms-forwarded-in-part = {"["}Seul le début de ce SMS a été transféré à { $number } : pas plus de { $segments } segments à la fois ne peuvent être envoyés.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Ce que la passerelle { $gateway } a reçu le { $at } n'a pas pu être lu : { $reason }

    Il est conservé sous { $id }, octet par octet :

    { $dump }

    Pour un modem, `sms-milter pdu decode` en dit davantage.
    .subject = SMS illisible de { $gateway }
