# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = SMS binario, { $octets ->
        [one] 1 ottetto
       *[other] { $octets } ottetti
    }
meaning-compressed = SMS compresso, { $octets ->
        [one] 1 ottetto
       *[other] { $octets } ottetti
    }, che qui nulla decomprime
meaning-ports = porte { $from }→{ $to }
meaning-ports-named = porte { $from }→{ $to } ({ $name })
meaning-for-application = Per un'applicazione: { $ports }
meaning-class-0 = classe 0 (flash)
meaning-class-1 = classe 1 (per il telefono)
meaning-class-2 = classe 2 (per la SIM)
meaning-class-3 = classe 3 (per l'apparecchio collegato al telefono)
meaning-flash = SMS flash: i telefoni lo mostrano subito e non lo conservano
meaning-damaged = La sua intestazione dati (UDH) è danneggiata
meaning-waiting = { $kind ->
        [voicemail] Segreteria telefonica
        [fax] Fax
        [email] E-mail
        [video] Videomessaggi
       *[other] Altri messaggi
    }: { $count ->
        [0] nessun messaggio in attesa
        [255] 255 o più nuovi messaggi in attesa
        [one] 1 nuovo messaggio in attesa
       *[other] { $count } nuovi messaggi in attesa
    }
meaning-waiting-some = { $kind ->
        [voicemail] Segreteria telefonica
        [fax] Fax
        [email] E-mail
        [video] Videomessaggi
       *[other] Altri messaggi
    }: nuovi messaggi in attesa

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = SMS silenzioso (tipo 0): i telefoni non lo mostrano
meaning-replaces = Sostituisce l'ultimo SMS di tipo { $type } di questo mittente
meaning-call-back = Chiede di essere richiamato: c'è un messaggio in attesa
meaning-for-phone = Per il telefono, non per le persone: { $what }
meaning-for-sim = Per la SIM, non per le persone: { $what }
meaning-came-by = Arrivato tramite: { $service }
meaning-protocol = Il suo identificatore di protocollo è { $pid }
meaning-header-has = La sua intestazione dati (UDH) contiene: { $elements }
