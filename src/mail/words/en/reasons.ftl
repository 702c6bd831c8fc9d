# Why an SMS was not sent, not yet, or did not arrive: in reports, without a full stop. $said: the words of a
# gateway, a network or a provider. $span: how long. $status: TP-ST (TS 23.040 9.2.3.15); $code: the same in hex.

reason-opted-out = this phone wants no SMS: its owner has opted out
reason-no-gateway = no gateway can carry this message
reason-said = { $said }
reason-held-run = held: more than { $numbers } neighbouring numbers in { $span } (limits.run)
reason-held-user-hour = held: more than { $limit } SMS of one sender in an hour (limits.per_user_hour)
reason-held-number-hour = held: more than { $limit } SMS to one number in an hour (limits.per_number_hour, or the bound of what incoming.rules forwards)
reason-held-site-day = held: the { $limit } SMS that this site sends on { $day } are used up (limits.site_day)
reason-given-up = the provider could not deliver it
reason-given-up-code = the provider could not deliver it (its code { $code })
reason-given-up-unknown = it may have been sent all the same, nobody knows; ask whether it has arrived before you send it again
reason-status = { $status ->
        [64] the network failed (remote procedure error)
        [65] the phone cannot take such an SMS (incompatible destination)
        [66] the phone refused it
        [67] the number cannot be obtained
        [68] the network lacks the quality of service
        [69] there is no way from this network to that of the phone
        [70] the phone was not reached before the SMS expired
        [71] the sender deleted it
        [72] the network's operator deleted it
        [73] the network does not know it any more
        [80] the network gave up for a reason of its own
        [96] the network was congested
        [97] the phone was busy
        [98] the phone did not respond
        [99] the network rejected it
        [100] the network lacked the quality of service
        [101] the phone had an error
       *[other] the network rejected it, with a status that no standard knows
    } (status { $code })
