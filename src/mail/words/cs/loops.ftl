# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Zprávy od { $account } na telefon byly automatické odpovědi na SMS tohoto telefonu, nebo zprávy z SMS, které se vracely jako SMS:

    { $phone ->
        [none] (více telefonů)
       *[other] telefon: { $phone }
    }

    Byly zastaveny a žádná další SMS z nich neodejde. Hledejte automatickou odpověď, která neříká, čím je (Auto-Submitted, RFC 3834), přesměrování na adresu SMS, nebo bránu na druhé straně, která vrací, co dostane. Říká se to jednou denně.
    .subject = SMS a pošta šly dokola
