# How long: $count of a unit.

span-seconds = { $count } saat
span-minutes = { $count } minit
span-hours = { $count } jam
span-days = { $count } hari
