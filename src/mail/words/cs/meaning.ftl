# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = Binární SMS, { $octets ->
        [one] 1 oktet
        [few] { $octets } oktety
        [many] { $octets } oktetu
       *[other] { $octets } oktetů
    }
meaning-compressed = Komprimovaná SMS, { $octets ->
        [one] 1 oktet
        [few] { $octets } oktety
        [many] { $octets } oktetu
       *[other] { $octets } oktetů
    }, kterou zde nic nerozbalí
meaning-ports = porty { $from }→{ $to }
meaning-ports-named = porty { $from }→{ $to } ({ $name })
meaning-for-application = Pro aplikaci: { $ports }
meaning-class-0 = třída 0 (flash)
meaning-class-1 = třída 1 (pro telefon)
meaning-class-2 = třída 2 (pro SIM kartu)
meaning-class-3 = třída 3 (pro zařízení připojené k telefonu)
meaning-flash = Flash SMS: telefony ji ihned zobrazí a neuloží
meaning-damaged = Její hlavička dat (UDH) je poškozená
meaning-waiting = { $kind ->
        [voicemail] Hlasová schránka
        [fax] Fax
        [email] E-mail
        [video] Videozprávy
       *[other] Jiné zprávy
    }: { $count ->
        [0] už žádné čekající zprávy
        [255] 255 nebo více nových zpráv
        [one] 1 nová zpráva
        [few] { $count } nové zprávy
        [many] { $count } nové zprávy
       *[other] { $count } nových zpráv
    }
meaning-waiting-some = { $kind ->
        [voicemail] Hlasová schránka
        [fax] Fax
        [email] E-mail
        [video] Videozprávy
       *[other] Jiné zprávy
    }: nové zprávy

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = Tichá SMS (typ 0): telefony ji nezobrazují
meaning-replaces = Nahrazuje poslední SMS typu { $type } od tohoto odesílatele
meaning-call-back = Žádá o zpětné zavolání: čeká zpráva
meaning-for-phone = Pro telefon, ne pro lidi: { $what }
meaning-for-sim = Pro SIM kartu, ne pro lidi: { $what }
meaning-came-by = Přišla přes: { $service }
meaning-protocol = Její identifikátor protokolu je { $pid }
meaning-header-has = Její hlavička dat (UDH) obsahuje: { $elements }
