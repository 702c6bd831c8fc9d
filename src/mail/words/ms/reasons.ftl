# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = telefon ini tidak mahu SMS: pemiliknya telah menarik diri
reason-no-gateway = tiada get laluan dapat membawa mesej ini
reason-said = “{ $said }”
reason-held-run = ditahan: lebih daripada { $numbers } nombor berjiran dalam { $span } (limits.run)
reason-held-user-hour = ditahan: lebih daripada { $limit } SMS daripada seorang penghantar dalam sejam (limits.per_user_hour)
reason-held-number-hour = ditahan: lebih daripada { $limit } SMS kepada satu nombor dalam sejam (limits.per_number_hour, atau had bagi yang dimajukan oleh incoming.rules)
reason-held-site-day = ditahan: { $limit } SMS yang dihantar tapak ini pada { $day } telah habis digunakan (limits.site_day)
reason-given-up = penyedia tidak dapat menyampaikannya
reason-given-up-code = penyedia tidak dapat menyampaikannya (kodnya: { $code })
reason-given-up-unknown = ia mungkin tetap telah dihantar, tiada sesiapa tahu; tanya sama ada ia telah sampai sebelum menghantarnya semula
reason-status = { $status ->
        [64] rangkaian gagal (ralat prosedur jauh)
        [65] telefon tidak dapat menerima SMS sedemikian (destinasi tidak serasi)
        [66] telefon menolaknya
        [67] nombor itu tidak dapat diperoleh
        [68] rangkaian tidak mempunyai kualiti perkhidmatan yang diperlukan
        [69] tiada laluan dari rangkaian ini ke rangkaian telefon itu
        [70] telefon tidak dapat dicapai sebelum SMS tamat tempoh
        [71] penghantar memadamkannya
        [72] pengendali rangkaian memadamkannya
        [73] rangkaian tidak lagi mengenalinya
        [80] rangkaian berputus asa atas sebabnya sendiri
        [96] rangkaian sesak
        [97] telefon sibuk
        [98] telefon tidak memberi respons
        [99] rangkaian menolaknya
        [100] rangkaian kekurangan kualiti perkhidmatan yang diperlukan
        [101] telefon mengalami ralat
       *[other] rangkaian menolaknya, dengan status yang tidak dikenali mana-mana piawaian
    } (status { $code })
