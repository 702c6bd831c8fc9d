# What is added to a sender's own words in an SMS, in the sender's language. Letters of the GSM alphabet only: any
# other makes the SMS dearer.

# In brackets, for the files of a mail.
text-files = { $count ->
        [one] 1 archivo
       *[other] { $count } archivos
    }

# Before the line of an invitation, with a colon. $name: who answers.
text-answer = { $answer ->
        [accepted] Aceptado
        [declined] Rechazado
        [tentative] Provisional
        [delegated] Delegado
       *[other] Respuesta
    }
text-answer-by = { $answer ->
        [accepted] Aceptado
        [declined] Rechazado
        [tentative] Provisional
        [delegated] Delegado
       *[other] Respuesta
    } por { $name }
text-cancelled = Cancelado
text-proposed = Nueva hora propuesta
text-proposal-declined = Hora propuesta rechazada
