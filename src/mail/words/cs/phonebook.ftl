# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    Záznam { $address } v telefonním seznamu, na který se posílají SMS, byl změněn. Změnu provedl: { $who }.

    Dříve:  { $before }
    Nyní:   { $now }

    Pokud to není správně, obraťte se na { $admin }; kdo smí záznam měnit, může na adresu { $sms } poslat e-mail, jehož předmětem je pouze správné číslo.
    .subject = Telefonní seznam: záznam { $address } byl změněn
phonebook-an-admin = správce
phonebook-nothing = nic

# SMS na telefon, který byl nahrazen.
phonebook-replaced = SMS pro { $address } už na tento telefon nechodí: někdo uvedl jiné číslo. Pokud je to omyl, napište na { $admin }
