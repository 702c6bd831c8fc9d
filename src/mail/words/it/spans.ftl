# How long: $count of a unit.

span-seconds = { $count ->
        [one] 1 secondo
       *[other] { $count } secondi
    }
span-minutes = { $count ->
        [one] 1 minuto
       *[other] { $count } minuti
    }
span-hours = { $count ->
        [one] 1 ora
       *[other] { $count } ore
    }
span-days = { $count ->
        [one] 1 giorno
       *[other] { $count } giorni
    }
