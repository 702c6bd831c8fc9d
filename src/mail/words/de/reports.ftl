# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Ihre SMS an { $number } wurde nicht gesendet: { $reason }.
    .subject = SMS nicht gesendet: { $about }
report-expired = Ihre SMS an { $number } konnte nicht rechtzeitig gesendet werden und wurde aufgegeben. Letzter Grund: { $reason }.
    .subject = SMS nicht gesendet: { $about }
report-unknown = Ihre SMS an { $number } wurde möglicherweise gesendet: { $reason }. Sie wird nicht wiederholt. Bitte fragen Sie nach, ob sie angekommen ist, bevor Sie sie erneut senden.
    .subject = SMS möglicherweise nicht gesendet: { $about }
report-late = Ihre SMS an { $number } wurde noch nicht gesendet: { $reason }. Es wird bis { $until } weiter versucht. Sie brauchen sie nicht erneut zu senden.
    .subject = SMS verzögert: { $about }
report-confirmed = Ihre SMS an { $number } wurde am { $at } in { $segments ->
        [one] 1 Segment
       *[other] { $segments } Segmenten
    } an das Netz übergeben. Ob sie das Telefon erreicht hat, ist nicht bekannt: Das Netz meldet es nicht.
    .subject = SMS gesendet: { $about }
report-overdue = Ihre SMS an { $number } wurde am { $at } in { $segments ->
        [one] 1 Segment
       *[other] { $segments } Segmenten
    } an das Netz übergeben. Das Netz hat die Zustellung noch nicht gemeldet; sobald es das tut, erfahren Sie es.
    .subject = SMS gesendet, noch nicht zugestellt: { $about }
report-delivered = Ihre SMS an { $number } wurde am { $at } in { $segments ->
        [one] 1 Segment
       *[other] { $segments } Segmenten
    } zugestellt.
    .subject = SMS zugestellt: { $about }
report-undelivered = Ihre SMS an { $number } wurde gesendet, hat das Telefon aber nicht erreicht: { $reason }.
    .subject = SMS nicht zugestellt: { $about }
report-progress = { $sent } von { $parts } Teilen gesendet.
report-progress-unknown = { $sent } von { $parts } Teilen gesendet, bei { $unknown } ist es ungewiss.

# Der Grund eines Berichts, wenn kein Gateway einen nannte.
reason-failed = abgelehnt
reason-expired = kein Gateway hat sie rechtzeitig angenommen
reason-unknown = das Gateway hat nicht mitgeteilt, ob sie gesendet wurde
reason-late = noch hat sie kein Gateway angenommen
reason-undelivered = das Netz konnte sie nicht zustellen

# Es folgen die Empfänger, jeder mit seinem Grund.
report-refused = Ihre E-Mail wurde an folgende Empfänger nicht als SMS gesendet:
    .subject = SMS nicht gesendet: { $about }

# Es folgt der gesendete Text.
report-cut = Ihre SMS an { $number } war zu lang und wurde auf { $segments ->
        [one] 1 Segment
       *[other] { $segments } Segmente
    } gekürzt. Gesendet wurde:
    .subject = SMS auf { $segments ->
        [one] 1 Segment
       *[other] { $segments } Segmente
    } gekürzt: { $about }
