# SMS that wait for an administrator. $about: the subject of the mail, or the number. $until: a time with its
# zone. $what: what was over a limit.

# Diikuti oleh nombor-nombor, setiap satu dengan sebabnya, dan held-decides.
held = SMS berikut ditahan dan pentadbir telah dimaklumkan:
    .subject = SMS ditahan: { $about }
held-decides = Pentadbir akan memutuskan sama ada SMS ini dihantar. Jika tiada keputusan dibuat sebelum { $until }, SMS ini tidak akan dihantar dan anda akan dimaklumkan. Anda tidak perlu menghantarnya semula.

# Kepada pentadbir.
spending =
    { $what }

    SMS seterusnya ditahan: SMS itu tidak dihantar dan tidak hilang.

    `sms-milter queue list --state held` memaparkannya,
    `sms-milter queue release ID`, `--sender ALAMAT` atau `--all` menghantarnya,
    `sms-milter queue cancel ID` membatalkan satu SMS.

    SMS yang tidak dilepaskan akan digugurkan selepas queue.expire dan penghantarnya akan dimaklumkan. Makluman ini dihantar sekali, dan sekali lagi jika keadaan ini berlanjutan melebihi sehari atau jika SMS yang ditahan telah dilepaskan.
    .subject = SMS sedang ditahan
