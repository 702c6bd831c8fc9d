# Marques dans le texte d'un SMS long, chacune sur sa ligne : parties non reçues, et parties tardives qui suivent.
part-missing = [partie { $part } sur { $parts } manquante]
parts-missing = [parties { $from } à { $to } sur { $parts } manquantes]
part-late = [partie { $part } sur { $parts }]
parts-late = [parties { $from } à { $to } sur { $parts }]

# À l'administrateur. $parts, $senders : combien. $worst : l'expéditeur de la plupart, qui en a envoyé $most.
flood =
    Des parties de SMS longs sont arrivées sans les autres : plus que quiconque n'en lirait par courriel. Elles sont
    conservées, en quarantaine, et dans aucun courriel.

        Parties : { $parts }
        Expéditeurs : { $senders }
        La plupart de : { $worst } ({ $most })

    `sms-milter inbound list` les montre. `sms-milter inbound release --sender EXPÉDITEUR`, ou --all, les remet malgré
    tout ; `sms-milter inbound drop --sender EXPÉDITEUR`, ou --all, les abandonne. Ceci est dit au plus une fois par heure.
    .subject = Un flot de SMS aux parties manquantes
