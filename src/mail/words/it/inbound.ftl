# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS da { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Nessuno riceve questo SMS: non nomina alcun utente, non risponde ad alcun messaggio e incoming.default non è impostato.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Ciò che il gateway { $gateway } ha ricevuto il { $at } non è leggibile: { $reason }

    È conservato come { $id }, ottetto per ottetto:

    { $dump }

    Se proviene da un modem, `sms-milter pdu decode` dice di più.
    .subject = SMS illeggibile da { $gateway }
