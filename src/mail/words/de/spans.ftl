# How long: $count of a unit.

span-seconds = { $count ->
        [one] 1 Sekunde
       *[other] { $count } Sekunden
    }
span-minutes = { $count ->
        [one] 1 Minute
       *[other] { $count } Minuten
    }
span-hours = { $count ->
        [one] 1 Stunde
       *[other] { $count } Stunden
    }
span-days = { $count ->
        [one] 1 Tag
       *[other] { $count } Tage
    }
