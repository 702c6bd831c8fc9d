# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS de { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Nadie recibe este SMS: no nombra a ningún usuario, no responde a ningún mensaje e incoming.default no está definido.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}Este SMS no se reenvió a { $number }: { $reason }]
sms-forwarded-in-part = {"["}A { $number } solo se reenvió el comienzo de este SMS: no se pueden enviar más de { $segments } segmentos a la vez.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Lo que la pasarela { $gateway } recibió el { $at } no se pudo leer: { $reason }

    Se conserva como { $id }, octeto por octeto:

    { $dump }

    Si es de un módem, `sms-milter pdu decode` dice más.
    .subject = SMS ilegible de { $gateway }
