# Značky v textu dlouhé SMS, každá na svém řádku: části, které nepřišly, a opožděné, které následují.
part-missing = [chybí část { $part } z { $parts }]
parts-missing = [chybí části { $from } až { $to } z { $parts }]
part-late = [část { $part } z { $parts }]
parts-late = [části { $from } až { $to } z { $parts }]

# Správci. $parts, $senders: kolik. $worst: odesílatel většiny; poslal jich $most.
flood =
    Přišly části dlouhých SMS bez ostatních částí: více, než by kdo četl jako e-maily. Jsou uchovány v karanténě a v žádném
    e-mailu nejsou.

        Částí: { $parts }
        Odesílatelů: { $senders }
        Nejvíce od: { $worst } ({ $most })

    `sms-milter inbound list` je ukáže. `sms-milter inbound release --sender ODESÍLATEL`, nebo --all, je přece doručí;
    `sms-milter inbound drop --sender ODESÍLATEL`, nebo --all, je zahodí. Toto se říká nejvýše jednou za hodinu.
    .subject = Záplava SMS s chybějícími částmi
