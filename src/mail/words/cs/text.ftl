# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] 1 soubor
        [few] { $count } soubory
       *[other] { $count } souboru
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Prijato
        [declined] Odmitnuto
        [tentative] Predbezne
        [delegated] Predano
       *[other] Odpoved
    }
text-answer-by = { $answer ->
        [accepted] Prijato
        [declined] Odmitnuto
        [tentative] Predbezne
        [delegated] Predano
       *[other] Odpoved
    } - { $name }
text-cancelled = Zruseno
text-proposed = Navrzen novy cas
text-proposal-declined = Navrzeny cas odmitnut
