# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = Binary SMS, { $octets ->
        [one] 1 octet
       *[other] { $octets } octets
    }
meaning-compressed = Compressed SMS, { $octets ->
        [one] 1 octet
       *[other] { $octets } octets
    }, which nothing here unpacks
meaning-ports = ports { $from }→{ $to }
meaning-ports-named = ports { $from }→{ $to } ({ $name })
meaning-for-application = For an application: { $ports }
meaning-class-0 = class 0 (flash)
meaning-class-1 = class 1 (for the phone)
meaning-class-2 = class 2 (for the SIM)
meaning-class-3 = class 3 (for what the phone is attached to)
meaning-flash = Flash SMS: phones show it at once and do not keep it
meaning-damaged = Its user data header is damaged
meaning-waiting = { $kind ->
        [voicemail] Voicemail
        [fax] Fax
        [email] E-mail
        [video] Video messages
       *[other] Other messages
    }: { $count ->
        [0] no messages waiting any more
        [255] 255 or more new messages waiting
        [one] 1 new message waiting
       *[other] { $count } new messages waiting
    }
meaning-waiting-some = { $kind ->
        [voicemail] Voicemail
        [fax] Fax
        [email] E-mail
        [video] Video messages
       *[other] Other messages
    }: new messages waiting

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = Silent SMS (type 0): phones do not show it
meaning-replaces = Replaces the last SMS of type { $type } from this sender
meaning-call-back = Asks to be called back: a message waits
meaning-for-phone = For the phone, not for people: { $what }
meaning-for-sim = For the SIM, not for people: { $what }
meaning-came-by = Came by way of { $service }
meaning-protocol = Its protocol identifier is { $pid }
meaning-header-has = Its user data header has: { $elements }
