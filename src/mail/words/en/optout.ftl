# What a phone is told that sent STOP, and one that sent START. One SMS each: GSM 7 bit, at most 160 characters.
opt-out-confirmation = You will get no more SMS from us. Answer START to get them again.
opt-in-confirmation = You will get our SMS again. Answer STOP to end them.
# What those read who wrote to it, above the word itself. $number: the phone; $word: what it sent.
opted-out = { $number } has opted out: it sent "{ $word }". No SMS is sent to it any more until it sends START, or an administrator takes it off the list.
opted-in = { $number } has opted in again: it sent "{ $word }". SMS can be sent to it again.
