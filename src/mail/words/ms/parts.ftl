# Tanda dalam teks SMS panjang, setiap satu pada barisnya sendiri: bahagian yang tidak tiba, dan yang lewat menyusul.
part-missing = [bahagian { $part } daripada { $parts } tiada]
parts-missing = [bahagian { $from } hingga { $to } daripada { $parts } tiada]
part-late = [bahagian { $part } daripada { $parts }]
parts-late = [bahagian { $from } hingga { $to } daripada { $parts }]

# Kepada pentadbir. $parts, $senders: berapa banyak. $worst: pengirim yang terbanyak, yang menghantar $most.
flood =
    Bahagian SMS panjang tiba tanpa bahagian yang lain: lebih banyak daripada yang dibaca orang sebagai e-mel. Semuanya
    disimpan dalam kuarantin, dan tidak ada dalam mana-mana e-mel.

        Bahagian: { $parts }
        Pengirim: { $senders }
        Terbanyak daripada: { $worst } ({ $most })

    `sms-milter inbound list` menunjukkannya. `sms-milter inbound release --sender PENGIRIM`, atau --all, menghantarnya
    juga; `sms-milter inbound drop --sender PENGIRIM`, atau --all, membuangnya. Ini dinyatakan paling banyak sekali sejam.
    .subject = Banjir SMS dengan bahagian yang tiada
