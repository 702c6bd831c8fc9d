# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] { $count } fichier
       *[other] { $count } fichiers
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Accepté
        [declined] Refusé
        [tentative] Provisoire
        [delegated] Délégué
       *[other] Réponse
    }
text-answer-by = { $answer ->
        [accepted] Accepté
        [declined] Refusé
        [tentative] Provisoire
        [delegated] Délégué
       *[other] Réponse
    } par { $name }
text-cancelled = Annulé
text-proposed = Nouvel horaire proposé
text-proposal-declined = Horaire proposé refusé
