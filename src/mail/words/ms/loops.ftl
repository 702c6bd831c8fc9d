# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Mel daripada { $account } ke sebuah telefon ialah jawapan automatik kepada SMS telefon itu, atau mel daripada SMS yang dihantar balik sebagai SMS:

    { $phone ->
        [none] (beberapa telefon)
       *[other] telefon: { $phone }
    }

    Ia telah dihentikan, dan tiada SMS lagi keluar daripadanya. Cari jawapan automatik yang tidak menyatakan dirinya (Auto-Submitted, RFC 3834), pemajuan ke alamat SMS, atau get laluan di hujung sana yang menghantar balik apa yang diterimanya. Ini diberitahu sekali sehari.
    .subject = SMS dan mel berpusing-pusing
