# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    Entri buku telefon { $address }, yang menerima SMS, telah diubah oleh { $who }.

    Sebelum:   { $before }
    Sekarang:  { $now }

    Jika ini tidak betul, sila maklumkan kepada { $admin }; sesiapa yang dibenarkan mengubahnya boleh menghantar e-mel kepada { $sms } dengan nombor yang betul sahaja sebagai subjek.
    .subject = Buku telefon: { $address } telah diubah
phonebook-an-admin = seorang pentadbir
phonebook-nothing = tiada

# SMS kepada telefon yang telah diganti.
phonebook-replaced = SMS untuk { $address } tidak lagi sampai ke telefon ini: nombor lain telah diberikan. Jika ini tidak betul, maklumkan kepada { $admin }
