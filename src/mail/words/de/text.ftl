# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] 1 Datei
       *[other] { $count } Dateien
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Zugesagt
        [declined] Abgelehnt
        [tentative] Mit Vorbehalt
        [delegated] Weitergegeben
       *[other] Antwort
    }
text-answer-by = { $answer ->
        [accepted] Zugesagt
        [declined] Abgelehnt
        [tentative] Mit Vorbehalt
        [delegated] Weitergegeben
       *[other] Antwort
    } von { $name }
text-cancelled = Abgesagt
text-proposed = Neue Zeit vorgeschlagen
text-proposal-declined = Vorgeschlagene Zeit abgelehnt
