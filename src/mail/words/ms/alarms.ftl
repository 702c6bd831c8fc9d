# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# Setiap satu diikuti oleh $text dan alarm-hint.
alarm-parked = Get laluan SMS { $gateway } memerlukan tindakan anda:
    .subject = Get laluan SMS { $gateway } memerlukan tindakan anda
alarm-down = Get laluan SMS { $gateway } tidak berfungsi:
    .subject = Get laluan SMS { $gateway } tidak berfungsi
alarm-storage = Ruang storan get laluan SMS { $gateway } hampir penuh:
    .subject = Get laluan SMS { $gateway }: ruang storan hampir penuh
alarm-limit = Get laluan SMS { $gateway } telah mencapai hadnya:
    .subject = Get laluan SMS { $gateway } telah mencapai hadnya
alarm-balance = Kredit get laluan SMS { $gateway } hampir habis:
    .subject = Get laluan SMS { $gateway }: kredit hampir habis
alarm-hint = `sms-milter gateways list` memaparkan keadaannya. Makluman ini dihantar sekali, dan sekali lagi jika ia berulang.

disk-full =
    { $text }

    Sila kosongkan ruang: SMS baharu akan diterima semula serta-merta tanpa perlu memulakan semula perkhidmatan. Makluman ini dihantar sekali, dan sekali lagi jika ia berulang.
    .subject = Cakera bagi baris gilir SMS sudah penuh
