# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    La voce { $address } della rubrica, alla quale vengono inviati SMS, è stata modificata da { $who }.

    Prima:  { $before }
    Ora:    { $now }

    Se non è corretto, si rivolga a { $admin }; chi è autorizzato a modificarla può scrivere a { $sms } un messaggio il cui oggetto sia soltanto il numero corretto.
    .subject = Rubrica: { $address } è stato modificato
phonebook-an-admin = un amministratore
phonebook-nothing = niente

# Un SMS al telefono sostituito.
phonebook-replaced = Gli SMS per { $address } non arrivano più su questo telefono: qualcuno ha indicato un altro numero. Se è un errore, avvisi { $admin }
