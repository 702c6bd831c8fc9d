# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    L'entrée { $address } du répertoire, à laquelle des SMS sont envoyés, a été modifiée par { $who }.

    Avant :      { $before }
    Maintenant : { $now }

    En cas d'erreur, adressez-vous à { $admin } ; quiconque a le droit de la modifier peut envoyer à { $sms } un message dont l'objet est uniquement le bon numéro.
    .subject = Répertoire : { $address } a été modifié
phonebook-an-admin = un administrateur
phonebook-nothing = rien

# Un SMS au téléphone qui a été remplacé.
phonebook-replaced = Les SMS pour { $address } n'arrivent plus sur ce téléphone : un autre numéro a été indiqué. En cas d'erreur : { $admin }
