# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    Pelayan mel menolak mel yang dilampirkan kepada { $recipient }:

    { $why }
    .subject = Mel kepada { $recipient } ditolak
mail-not-posted =
    Yang sepatutnya dihantar kepada { $recipient } tidak diterima: { $why }

    { $content }
mta-away =
    Pelayan mel di { $target } tidak menerima mel selama sejam atau lebih:

    { $why }

    Mel daripada SMS dan laporan kepada penghantar menunggu sehingga ia menerimanya. Periksa sama ada ia berjalan dan sama ada mail.inject ialah alamatnya; sms-milter check mencubanya.
    .subject = Mel daripada SMS tidak dapat diserahkan
mta-tls =
    Sambungan ke pelayan mel di { $target } tidak peribadi:

    { $why }

    Mel daripada SMS dan laporan kepada penghantar menunggu sehingga ia selamat. Nama dalam mail.inject mesti ada dalam sijil, dan pihak yang menandatanganinya mesti dikenali oleh mesin ini atau ada dalam mail.inject_ca; sms-milter check mencubanya.
    .subject = Sijil pelayan mel tidak sah
mta-login =
    Pelayan mel di { $target } menolak log masuk sms-milter:

    { $why }

    Mel daripada SMS dan laporan kepada penghantar menunggu sehingga ia betul. Betulkan mail.inject_user dan mail.inject_password, dan mulakan semula sms-milter; sms-milter check mencubanya.
    .subject = Pelayan mel tidak mengenali sms-milter
