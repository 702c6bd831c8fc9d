# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Your SMS to { $number } was not sent: { $reason }.
    .subject = SMS not sent: { $about }
report-expired = Your SMS to { $number } was not sent in time and has been given up. The last reason: { $reason }.
    .subject = SMS not sent: { $about }
report-unknown = Your SMS to { $number } may have been sent: { $reason }. It will not be repeated. Ask whether it has arrived before you send it again.
    .subject = SMS may not have been sent: { $about }
report-late = Your SMS to { $number } has not been sent yet: { $reason }. It will be tried until { $until }. You need not send it again.
    .subject = SMS delayed: { $about }
report-confirmed = Your SMS to { $number } was handed over to the network on { $at } in { $segments ->
        [one] 1 segment
       *[other] { $segments } segments
    }. Whether it reached the phone is not known: the network does not tell.
    .subject = SMS sent: { $about }
report-overdue = Your SMS to { $number } was handed over to the network on { $at } in { $segments ->
        [one] 1 segment
       *[other] { $segments } segments
    }. The network has not said yet that the phone has it; you will hear when it does.
    .subject = SMS sent, not yet delivered: { $about }
report-delivered = Your SMS to { $number } was delivered on { $at } in { $segments ->
        [one] 1 segment
       *[other] { $segments } segments
    }.
    .subject = SMS delivered: { $about }
report-undelivered = Your SMS to { $number } was sent, but did not reach the phone: { $reason }.
    .subject = SMS not delivered: { $about }
report-progress = { $sent } of { $parts } parts sent.
report-progress-unknown = { $sent } of { $parts } parts sent, { $unknown } unknown.

# The last words of a report when no gateway gave a reason.
reason-failed = refused
reason-expired = no gateway took it in time
reason-unknown = the gateway did not say whether it was sent
reason-late = no gateway has taken it yet
reason-undelivered = the network could not deliver it

# Followed by the recipients, each with its reason.
report-refused = Your mail was not sent by SMS to:
    .subject = SMS not sent: { $about }

# Followed by the text that was sent.
report-cut = Your SMS to { $number } was too long and was cut to { $segments ->
        [one] 1 segment
       *[other] { $segments } segments
    }. This is what was sent:
    .subject = SMS cut to { $segments ->
        [one] 1 segment
       *[other] { $segments } segments
    }: { $about }
