# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Le mail di { $account } a un telefono erano risposte automatiche a SMS di quel telefono, o mail nate da SMS rimandate come SMS:

    { $phone ->
        [none] (più telefoni)
       *[other] il telefono: { $phone }
    }

    Sono state fermate, e non ne parte nessun altro SMS. Cerchi una risposta automatica che non dice di esserlo (Auto-Submitted, RFC 3834), un inoltro a un indirizzo SMS, o un gateway dall’altra parte che rimanda ciò che riceve. Lo si dice una volta al giorno.
    .subject = SMS e mail giravano in tondo
