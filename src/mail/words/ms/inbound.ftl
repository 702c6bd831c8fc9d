# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS daripada { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Tiada sesiapa menerima SMS ini: SMS ini tidak menyebut mana-mana pengguna, tidak membalas mana-mana e-mel dan incoming.default tidak ditetapkan.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}SMS ini tidak dimajukan kepada { $number }: { $reason }]
sms-forwarded-in-part = {"["}Hanya permulaan SMS ini dimajukan kepada { $number }: tidak lebih daripada { $segments } segmen boleh dihantar pada satu masa.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Apa yang diterima oleh get laluan { $gateway } pada { $at } tidak dapat dibaca: { $reason }

    Ia disimpan sebagai { $id }, oktet demi oktet:

    { $dump }

    Bagi modem, `sms-milter pdu decode` memberikan maklumat lanjut.
    .subject = SMS tidak boleh dibaca daripada { $gateway }
