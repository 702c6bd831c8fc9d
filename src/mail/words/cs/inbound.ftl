# Mails that SMS become. $from: the phone's number or name.
sms-from = SMS od { $from }

# To the administrator, before the text of an SMS.
sms-undeliverable = {"["}Tuto SMS nikdo nedostane: neuvádí žádného uživatele, neodpovídá na žádný e-mail a incoming.default není nastaveno.]

# To the account that pays for SMS that a rule sends on to phones, before the text of an SMS.
sms-not-forwarded = {"["}Toto SMS nebylo přeposláno na { $number }: { $reason }]
sms-forwarded-in-part = {"["}Na { $number } byl přeposlán jen začátek tohoto SMS: najednou se smí odeslat nejvýše { $segments } segmentů.]

# To the administrator. $reason and $dump: in English, in hex.
sms-unreadable =
    Co brána { $gateway } přijala { $at }, nebylo možné přečíst: { $reason }

    Je uloženo jako { $id }, oktet po oktetu:

    { $dump }

    U modemu řekne více `sms-milter pdu decode`.
    .subject = Nečitelná SMS z brány { $gateway }
