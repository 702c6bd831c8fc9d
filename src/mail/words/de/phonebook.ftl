# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    Der Telefonbucheintrag { $address }, an den SMS gesendet werden, wurde von { $who } geändert.

    Bisher:  { $before }
    Jetzt:   { $now }

    Falls das nicht stimmt, wenden Sie sich bitte an { $admin }. Wer den Eintrag ändern darf, kann eine E-Mail an { $sms } schreiben, deren Betreff nur aus der richtigen Nummer besteht.
    .subject = Telefonbuch: { $address } wurde geändert
phonebook-an-admin = einem Administrator
phonebook-nothing = nichts

# Eine SMS an das ersetzte Telefon.
phonebook-replaced = SMS an { $address } kommen nicht mehr auf dieses Telefon: Jemand hat eine andere Nummer angegeben. Falls das falsch ist: { $admin }
