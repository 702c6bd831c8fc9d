# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = Anda tidak akan menerima SMS lagi daripada kami. Balas START untuk menerimanya semula.
opt-in-confirmation = Anda akan menerima SMS kami semula. Balas STOP untuk menghentikannya.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } telah berhenti melanggan: ia menghantar "{ $word }". Tiada SMS dihantar kepadanya lagi sehingga ia menghantar START, atau pentadbir mengeluarkannya daripada senarai.
opted-in = { $number } melanggan semula: ia menghantar "{ $word }". SMS boleh dihantar kepadanya semula.
