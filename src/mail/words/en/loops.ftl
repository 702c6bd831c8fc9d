# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Mails of { $account } to a phone were automatic answers to SMS of that phone, or mails made of SMS that were sent back as SMS:

    { $phone ->
        [none] (several phones)
       *[other] the phone: { $phone }
    }

    They were stopped, and no further SMS goes out of it. Look for an automatic reply that does not say what it is (Auto-Submitted, RFC 3834), for a forwarding to an SMS address, or for a gateway at the other end that sends back what it gets. This is said once a day.
    .subject = SMS and mail went in a circle
