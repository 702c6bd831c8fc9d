# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Mails von { $account } an ein Telefon waren automatische Antworten auf SMS dieses Telefons, oder Mails aus SMS, die wieder als SMS gesendet werden sollten:

    { $phone ->
        [none] (mehrere Telefone)
       *[other] das Telefon: { $phone }
    }

    Sie wurden angehalten, und daraus geht keine weitere SMS hinaus. Suchen Sie eine automatische Antwort, die sich nicht als solche zu erkennen gibt (Auto-Submitted, RFC 3834), eine Weiterleitung an eine SMS-Adresse, oder ein Gateway am anderen Ende, das zurücksendet, was es bekommt. Das wird einmal am Tag gesagt.
    .subject = SMS und Mails liefen im Kreis
