# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = SMS binaire, { $octets ->
        [one] { $octets } octet
       *[other] { $octets } octets
    }
meaning-compressed = SMS compressé, { $octets ->
        [one] { $octets } octet
       *[other] { $octets } octets
    }, que rien ici ne décompresse
meaning-ports = ports { $from }→{ $to }
meaning-ports-named = ports { $from }→{ $to } ({ $name })
meaning-for-application = Pour une application : { $ports }
meaning-class-0 = classe 0 (flash)
meaning-class-1 = classe 1 (pour le téléphone)
meaning-class-2 = classe 2 (pour la carte SIM)
meaning-class-3 = classe 3 (pour l'appareil relié au téléphone)
meaning-flash = SMS flash : les téléphones l'affichent aussitôt et ne le conservent pas
meaning-damaged = Son en-tête de données (UDH) est endommagé
meaning-waiting = { $kind ->
        [voicemail] Messagerie vocale
        [fax] Fax
        [email] E-mail
        [video] Messages vidéo
       *[other] Autres messages
    } : { $count ->
        [0] plus aucun message en attente
        [255] 255 nouveaux messages ou plus en attente
        [one] { $count } nouveau message en attente
       *[other] { $count } nouveaux messages en attente
    }
meaning-waiting-some = { $kind ->
        [voicemail] Messagerie vocale
        [fax] Fax
        [email] E-mail
        [video] Messages vidéo
       *[other] Autres messages
    } : nouveaux messages en attente

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = SMS silencieux (type 0) : les téléphones ne l'affichent pas
meaning-replaces = Remplace le dernier SMS de type { $type } de cet expéditeur
meaning-call-back = Demande à être rappelé : un message attend
meaning-for-phone = Pour le téléphone, non pour une personne : { $what }
meaning-for-sim = Pour la carte SIM, non pour une personne : { $what }
meaning-came-by = Transmis par : { $service }
meaning-protocol = Son identifiant de protocole est { $pid }
meaning-header-has = Son en-tête de données (UDH) contient : { $elements }
