# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] 1 file
       *[other] { $count } file
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Accettato
        [declined] Rifiutato
        [tentative] Provvisorio
        [delegated] Delegato
       *[other] Risposta
    }
text-answer-by = { $answer ->
        [accepted] Accettato
        [declined] Rifiutato
        [tentative] Provvisorio
        [delegated] Delegato
       *[other] Risposta
    } da { $name }
text-cancelled = Annullato
text-proposed = Nuovo orario proposto
text-proposal-declined = Orario proposto rifiutato
