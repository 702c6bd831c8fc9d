# About changes of the phonebook. $address: the entry. $who: who changed it, an address or phonebook-an-admin.
# $before and $now: what it said and says. $admin: the admin's address. $sms: where a mail to its phone goes.

phonebook-changed =
    La entrada { $address } de la agenda, a la que se envían SMS, ha sido modificada por { $who }.

    Antes:  { $before }
    Ahora:  { $now }

    Si no es correcto, avise a { $admin }; quien pueda modificarla puede escribir a { $sms } un mensaje cuyo asunto sea únicamente el número correcto.
    .subject = Agenda: se ha modificado { $address }
phonebook-an-admin = un administrador
phonebook-nothing = nada

# Un SMS al teléfono sustituido.
phonebook-replaced = Los SMS para { $address } ya no llegan a este teléfono: alguien ha indicado otro número. Si es un error, avise a { $admin }
