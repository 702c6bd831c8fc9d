# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    The phonebook entry { $address }, to which SMS are sent, was changed by { $who }.

    Before:  { $before }
    Now:     { $now }

    If that is wrong, tell { $admin }; who may change it can write a mail to { $sms } with the right number, and nothing else, as the subject.
    .subject = Phonebook: { $address } was changed
phonebook-an-admin = an admin
phonebook-nothing = nothing

# An SMS to the phone that was replaced.
phonebook-replaced = SMS to { $address } no longer come to this phone: somebody gave another number. If that is wrong, tell { $admin }
