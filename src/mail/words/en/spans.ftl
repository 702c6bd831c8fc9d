# How long: $count of a unit.

span-seconds = { $count ->
        [one] 1 second
       *[other] { $count } seconds
    }
span-minutes = { $count ->
        [one] 1 minute
       *[other] { $count } minutes
    }
span-hours = { $count ->
        [one] 1 hour
       *[other] { $count } hours
    }
span-days = { $count ->
        [one] 1 day
       *[other] { $count } days
    }
