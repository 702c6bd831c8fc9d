# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = SMS binario, { $octets ->
        [one] 1 octeto
       *[other] { $octets } octetos
    }
meaning-compressed = SMS comprimido, { $octets ->
        [one] 1 octeto
       *[other] { $octets } octetos
    }, que aquí nada descomprime
meaning-ports = puertos { $from }→{ $to }
meaning-ports-named = puertos { $from }→{ $to } ({ $name })
meaning-for-application = Para una aplicación: { $ports }
meaning-class-0 = clase 0 (flash)
meaning-class-1 = clase 1 (para el teléfono)
meaning-class-2 = clase 2 (para la tarjeta SIM)
meaning-class-3 = clase 3 (para el equipo conectado al teléfono)
meaning-flash = SMS flash: los teléfonos lo muestran al instante y no lo guardan
meaning-damaged = Su cabecera de datos (UDH) está dañada
meaning-waiting = { $kind ->
        [voicemail] Buzón de voz
        [fax] Fax
        [email] Correo electrónico
        [video] Mensajes de vídeo
       *[other] Otros mensajes
    }: { $count ->
        [0] ya no hay mensajes pendientes
        [255] 255 o más mensajes nuevos pendientes
        [one] 1 mensaje nuevo pendiente
       *[other] { $count } mensajes nuevos pendientes
    }
meaning-waiting-some = { $kind ->
        [voicemail] Buzón de voz
        [fax] Fax
        [email] Correo electrónico
        [video] Mensajes de vídeo
       *[other] Otros mensajes
    }: mensajes nuevos pendientes

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = SMS silencioso (tipo 0): los teléfonos no lo muestran
meaning-replaces = Sustituye al último SMS de tipo { $type } de este remitente
meaning-call-back = Pide que se devuelva la llamada: hay un mensaje pendiente
meaning-for-phone = Para el teléfono, no para personas: { $what }
meaning-for-sim = Para la tarjeta SIM, no para personas: { $what }
meaning-came-by = Llegó por: { $service }
meaning-protocol = Su identificador de protocolo es { $pid }
meaning-header-has = Su cabecera de datos (UDH) contiene: { $elements }
