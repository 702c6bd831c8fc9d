# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS da { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Nessuno riceve questo SMS: non nomina alcun utente, non risponde ad alcun messaggio e incoming.default non è impostato.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}Questo SMS non è stato inoltrato a { $number }: { $reason }]
sms-forwarded-in-part = {"["}A { $number } è stato inoltrato solo l'inizio di questo SMS: non se ne possono inviare più di { $segments } segmenti alla volta.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Ciò che il gateway { $gateway } ha ricevuto il { $at } non è leggibile: { $reason }

    È conservato come { $id }, ottetto per ottetto:

    { $dump }

    Se proviene da un modem, `sms-milter pdu decode` dice di più.
    .subject = SMS illeggibile da { $gateway }
