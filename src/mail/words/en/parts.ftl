# Marks in the text of a long SMS, each on a line of its own: parts that did not come, and late ones that follow.
part-missing = [part { $part } of { $parts } missing]
parts-missing = [parts { $from } to { $to } of { $parts } missing]
part-late = [part { $part } of { $parts }]
parts-late = [parts { $from } to { $to } of { $parts }]

# To the administrator. $parts, $senders: how many. $worst: the sender of most of them, who sent $most.
flood =
    Parts of long SMS came whose other parts did not: more than anybody reads as mails. They are kept, in quarantine, and
    in no mail.

        Parts: { $parts }
        Senders: { $senders }
        Most of them from: { $worst } ({ $most })

    `sms-milter inbound list` shows them. `sms-milter inbound release --sender SENDER`, or --all, delivers them after all;
    `sms-milter inbound drop --sender SENDER`, or --all, is done with them. This is said once an hour at most.
    .subject = A flood of SMS with missing parts
