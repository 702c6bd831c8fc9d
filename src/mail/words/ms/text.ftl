# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count } fail

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Diterima
        [declined] Ditolak
        [tentative] Sementara
        [delegated] Diserahkan
       *[other] Jawapan
    }
text-answer-by = { $answer ->
        [accepted] Diterima
        [declined] Ditolak
        [tentative] Sementara
        [delegated] Diserahkan
       *[other] Jawapan
    } oleh { $name }
text-cancelled = Dibatalkan
text-proposed = Masa baharu dicadangkan
text-proposal-declined = Masa yang dicadangkan ditolak
