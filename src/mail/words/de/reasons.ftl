# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = dieses Telefon möchte keine SMS: Sein Besitzer hat sich abgemeldet
reason-no-gateway = kein Gateway kann diese Nachricht übermitteln
reason-said = „{ $said }“
reason-held-run = zurückgehalten: mehr als { $numbers } benachbarte Nummern in { $span } (limits.run)
reason-held-user-hour = zurückgehalten: mehr als { $limit } SMS eines Absenders in einer Stunde (limits.per_user_hour)
reason-held-number-hour = zurückgehalten: mehr als { $limit } SMS an eine Nummer in einer Stunde (limits.per_number_hour, oder die Grenze für das, was incoming.rules weiterleitet)
reason-held-site-day = zurückgehalten: Die { $limit } SMS, die dieser Standort am { $day } sendet, sind verbraucht (limits.site_day)
reason-given-up = der Anbieter konnte sie nicht zustellen
reason-given-up-code = der Anbieter konnte sie nicht zustellen (sein Code: { $code })
reason-given-up-unknown = sie wurde vielleicht trotzdem gesendet, das weiß niemand; fragen Sie nach, ob sie angekommen ist, bevor Sie sie erneut senden
reason-status = { $status ->
        [64] das Netz versagte (Remote Procedure Error)
        [65] das Telefon kann eine solche SMS nicht empfangen (Incompatible Destination)
        [66] das Telefon hat sie abgelehnt
        [67] die Nummer ist nicht erreichbar
        [68] dem Netz fehlt die nötige Dienstgüte
        [69] von diesem Netz führt kein Weg in das des Telefons
        [70] das Telefon war nicht erreichbar, bevor die SMS ablief
        [71] der Absender hat sie gelöscht
        [72] der Netzbetreiber hat sie gelöscht
        [73] das Netz kennt sie nicht mehr
        [80] das Netz hat aus einem eigenen Grund aufgegeben
        [96] das Netz war überlastet
        [97] das Telefon war besetzt
        [98] das Telefon hat nicht geantwortet
        [99] das Netz hat sie abgelehnt
        [100] dem Netz fehlte die nötige Dienstgüte
        [101] das Telefon hatte einen Fehler
       *[other] das Netz hat sie abgelehnt, mit einem Status, den kein Standard kennt
    } (Status { $code })
