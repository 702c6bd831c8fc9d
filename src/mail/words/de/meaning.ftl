# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = Binäre SMS, { $octets ->
        [one] 1 Oktett
       *[other] { $octets } Oktette
    }
meaning-compressed = Komprimierte SMS, { $octets ->
        [one] 1 Oktett
       *[other] { $octets } Oktette
    }, die hier nichts entpackt
meaning-ports = Ports { $from }→{ $to }
meaning-ports-named = Ports { $from }→{ $to } ({ $name })
meaning-for-application = Für eine Anwendung: { $ports }
meaning-class-0 = Klasse 0 (Flash)
meaning-class-1 = Klasse 1 (für das Telefon)
meaning-class-2 = Klasse 2 (für die SIM-Karte)
meaning-class-3 = Klasse 3 (für das am Telefon angeschlossene Gerät)
meaning-flash = Flash-SMS: Telefone zeigen sie sofort an und speichern sie nicht
meaning-damaged = Ihr User Data Header ist beschädigt
meaning-waiting = { $kind ->
        [voicemail] Mailbox
        [fax] Fax
        [email] E-Mail
        [video] Videonachrichten
       *[other] Andere Nachrichten
    }: { $count ->
        [0] keine Nachrichten mehr
        [255] 255 oder mehr neue Nachrichten
        [one] 1 neue Nachricht
       *[other] { $count } neue Nachrichten
    }
meaning-waiting-some = { $kind ->
        [voicemail] Mailbox
        [fax] Fax
        [email] E-Mail
        [video] Videonachrichten
       *[other] Andere Nachrichten
    }: neue Nachrichten

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = Stille SMS (Typ 0): Telefone zeigen sie nicht an
meaning-replaces = Ersetzt die letzte SMS vom Typ { $type } dieses Absenders
meaning-call-back = Bittet um Rückruf: Es wartet eine Nachricht
meaning-for-phone = Für das Telefon, nicht für Menschen: { $what }
meaning-for-sim = Für die SIM-Karte, nicht für Menschen: { $what }
meaning-came-by = Übermittelt über: { $service }
meaning-protocol = Ihr Protokollkennzeichen ist { $pid }
meaning-header-has = Ihr User Data Header enthält: { $elements }
