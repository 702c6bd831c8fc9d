# What an SMS is that is no plain text: each a sentence of its own, without a full stop.
meaning-binary = SMS binari, { $octets } oktet
meaning-compressed = SMS termampat, { $octets } oktet, yang tidak dapat dinyahmampatkan di sini
meaning-ports = port { $from }→{ $to }
meaning-ports-named = port { $from }→{ $to } ({ $name })
meaning-for-application = Untuk aplikasi: { $ports }
meaning-class-0 = kelas 0 (flash)
meaning-class-1 = kelas 1 (untuk telefon)
meaning-class-2 = kelas 2 (untuk SIM)
meaning-class-3 = kelas 3 (untuk peranti yang disambungkan pada telefon)
meaning-flash = SMS flash: telefon memaparkannya serta-merta dan tidak menyimpannya
meaning-damaged = Pengepala data penggunanya (UDH) rosak
meaning-waiting = { $kind ->
        [voicemail] Mel suara
        [fax] Faks
        [email] E-mel
        [video] Mesej video
       *[other] Mesej lain
    }: { $count ->
        [0] tiada lagi mesej menunggu
        [255] 255 atau lebih mesej baharu menunggu
       *[other] { $count } mesej baharu menunggu
    }
meaning-waiting-some = { $kind ->
        [voicemail] Mel suara
        [fax] Faks
        [email] E-mel
        [video] Mesej video
       *[other] Mesej lain
    }: mesej baharu menunggu

# What its protocol identifier says. $what, $service, $elements: names of the standard, in English.
meaning-silent = SMS senyap (jenis 0): telefon tidak memaparkannya
meaning-replaces = Menggantikan SMS terakhir jenis { $type } daripada penghantar ini
meaning-call-back = Meminta panggilan balik: ada mesej menunggu
meaning-for-phone = Untuk telefon, bukan untuk orang: { $what }
meaning-for-sim = Untuk SIM, bukan untuk orang: { $what }
meaning-came-by = Diterima melalui: { $service }
meaning-protocol = Pengecam protokolnya ialah { $pid }
meaning-header-has = Pengepala data penggunanya (UDH) mengandungi: { $elements }
