# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = tento telefon si nepřeje žádné SMS: jeho majitel se odhlásil
reason-no-gateway = žádná brána nemůže tuto zprávu přenést
reason-said = „{ $said }“
reason-held-run = pozdrženo: více než { $numbers } sousedních čísel, sledovaná doba: { $span } (limits.run)
reason-held-user-hour = pozdrženo: více než { $limit } SMS od jednoho odesílatele za hodinu (limits.per_user_hour)
reason-held-number-hour = pozdrženo: více než { $limit } SMS na jedno číslo za hodinu (limits.per_number_hour, nebo mez pro to, co přeposílá incoming.rules)
reason-held-site-day = pozdrženo: { $limit } SMS, které tento server dne { $day } odesílá, je vyčerpáno (limits.site_day)
reason-given-up = poskytovatel ji nemohl doručit
reason-given-up-code = poskytovatel ji nemohl doručit (jeho kód: { $code })
reason-given-up-unknown = možná přesto byla odeslána, nikdo to neví; než ji pošlete znovu, zeptejte se, zda dorazila
reason-status = { $status ->
        [64] síť selhala (chyba vzdálené procedury)
        [65] telefon takovou SMS nemůže přijmout (nekompatibilní cíl)
        [66] telefon ji odmítl
        [67] číslo nelze získat
        [68] síti chybí potřebná kvalita služby
        [69] z této sítě nevede cesta do sítě telefonu
        [70] telefon nebyl zastižen dříve, než platnost SMS vypršela
        [71] odesílatel ji smazal
        [72] provozovatel sítě ji smazal
        [73] síť ji už nezná
        [80] síť to vzdala z vlastního důvodu
        [96] síť byla přetížená
        [97] telefon byl obsazený
        [98] telefon neodpověděl
        [99] síť ji odmítla
        [100] síti chyběla potřebná kvalita služby
        [101] telefon měl chybu
       *[other] síť ji odmítla se stavem, který žádná norma nezná
    } (stav { $code })
