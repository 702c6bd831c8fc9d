# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS from { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Nobody gets this SMS: it names no user, answers no mail, and incoming.default is not set.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}This SMS did not go on to { $number }: { $reason }]
sms-forwarded-in-part = {"["}What went on to { $number } is the beginning of this SMS: { $segments } segments at a time are what may be sent.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    What the gateway { $gateway } received at { $at } could not be read: { $reason }

    It is kept as { $id }, octet for octet:

    { $dump }

    `sms-milter pdu decode` says more of a modem's.
    .subject = Unreadable SMS from { $gateway }
