# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = SMS anda kepada { $number } tidak dihantar: { $reason }.
    .subject = SMS tidak dihantar: { $about }
report-expired = SMS anda kepada { $number } tidak dapat dihantar dalam tempoh yang ditetapkan dan tidak akan dicuba lagi. Sebab terakhir: { $reason }.
    .subject = SMS tidak dihantar: { $about }
report-unknown = SMS anda kepada { $number } mungkin telah dihantar: { $reason }. SMS ini tidak akan diulang. Sila pastikan sama ada SMS ini telah diterima sebelum menghantarnya semula.
    .subject = SMS mungkin tidak dihantar: { $about }
report-late = SMS anda kepada { $number } masih belum dihantar: { $reason }. Percubaan akan diteruskan hingga { $until }. Anda tidak perlu menghantarnya semula.
    .subject = SMS tertangguh: { $about }
report-confirmed = SMS anda kepada { $number } telah diserahkan kepada rangkaian pada { $at } dalam { $segments } segmen. Tidak diketahui sama ada SMS ini telah sampai ke telefon: rangkaian tidak memaklumkannya.
    .subject = SMS dihantar: { $about }
report-overdue = SMS anda kepada { $number } telah diserahkan kepada rangkaian pada { $at } dalam { $segments } segmen. Rangkaian masih belum mengesahkan bahawa telefon telah menerimanya; anda akan dimaklumkan apabila pengesahan diterima.
    .subject = SMS dihantar, belum disampaikan: { $about }
report-delivered = SMS anda kepada { $number } telah disampaikan pada { $at } dalam { $segments } segmen.
    .subject = SMS disampaikan: { $about }
report-undelivered = SMS anda kepada { $number } telah dihantar tetapi tidak sampai ke telefon: { $reason }.
    .subject = SMS tidak disampaikan: { $about }
report-progress = { $sent } daripada { $parts } bahagian telah dihantar.
report-progress-unknown = { $sent } daripada { $parts } bahagian telah dihantar, { $unknown } tidak diketahui.

# Sebab dalam laporan apabila tiada get laluan memberikannya.
reason-failed = ditolak
reason-expired = tiada get laluan menerimanya dalam tempoh yang ditetapkan
reason-unknown = get laluan tidak memaklumkan sama ada SMS ini telah dihantar
reason-late = belum ada get laluan yang menerimanya
reason-undelivered = rangkaian tidak dapat menyampaikannya

# Diikuti oleh para penerima, setiap seorang dengan sebabnya.
report-refused = E-mel anda tidak dihantar melalui SMS kepada penerima berikut:
    .subject = SMS tidak dihantar: { $about }

# Diikuti oleh teks yang dihantar.
report-cut = SMS anda kepada { $number } terlalu panjang dan telah dipendekkan kepada { $segments } segmen. Inilah teks yang dihantar:
    .subject = SMS dipendekkan kepada { $segments } segmen: { $about }
