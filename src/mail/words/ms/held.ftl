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

# What was over a limit, in the mail above. $block: the beginning of the numbers. $span: how long.
spending-run = { $account } menulis kepada nombor berjiran, { $block }000 hingga { $block }999: lebih daripada { $numbers } daripadanya dalam { $span }. Begitulah perbuatan mereka yang mengaut untung daripada panggilan dan SMS ke nombor sendiri dengan kata laluan yang dicuri. Hadnya ialah limits.run.
spending-user-hour = { $account } telah menghantar { $limit } SMS (segmen) dalam sejam, iaitu semua yang dibenarkan limits.per_user_hour.
spending-number-hour = { $account } menghantar kepada nombor yang telah dihantar { $limit } SMS (segmen) dalam sejam, iaitu semua yang dibenarkan limits.per_number_hour, dan paling banyak { $forwarded } bagi yang dimajukan oleh incoming.rules.
spending-site-day = { $limit } SMS (segmen) yang dibenarkan limits.site_day pada { $day } telah habis digunakan.
