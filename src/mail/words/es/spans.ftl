# How long: $count of a unit.

span-seconds = { $count ->
        [one] 1 segundo
       *[other] { $count } segundos
    }
span-minutes = { $count ->
        [one] 1 minuto
       *[other] { $count } minutos
    }
span-hours = { $count ->
        [one] 1 hora
       *[other] { $count } horas
    }
span-days = { $count ->
        [one] 1 día
       *[other] { $count } días
    }
