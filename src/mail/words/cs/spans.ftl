# How long: $count of a unit.

span-seconds = { $count ->
        [one] 1 sekunda
        [few] { $count } sekundy
       *[other] { $count } sekund
    }
span-minutes = { $count ->
        [one] 1 minuta
        [few] { $count } minuty
       *[other] { $count } minut
    }
span-hours = { $count ->
        [one] 1 hodina
        [few] { $count } hodiny
       *[other] { $count } hodin
    }
span-days = { $count ->
        [one] 1 den
        [few] { $count } dny
       *[other] { $count } dnů
    }
