# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] 1 file
       *[other] { $count } files
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Accepted
        [declined] Declined
        [tentative] Tentative
        [delegated] Delegated
       *[other] Reply
    }
text-answer-by = { $answer ->
        [accepted] Accepted
        [declined] Declined
        [tentative] Tentative
        [delegated] Delegated
       *[other] Reply
    } by { $name }
text-cancelled = Cancelled
text-proposed = New time proposed
text-proposal-declined = Proposed time declined
