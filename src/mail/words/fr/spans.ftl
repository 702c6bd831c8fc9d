# How long: $count of a unit.

span-seconds = { $count ->
        [one] { $count } seconde
       *[other] { $count } secondes
    }
span-minutes = { $count ->
        [one] { $count } minute
       *[other] { $count } minutes
    }
span-hours = { $count ->
        [one] { $count } heure
       *[other] { $count } heures
    }
span-days = { $count ->
        [one] { $count } jour
       *[other] { $count } jours
    }
