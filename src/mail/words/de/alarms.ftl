# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# Auf jede folgen $text und alarm-hint.
alarm-parked = Das SMS-Gateway { $gateway } braucht Ihre Hilfe:
    .subject = SMS-Gateway { $gateway } braucht Ihre Hilfe
alarm-down = Das SMS-Gateway { $gateway } ist ausgefallen:
    .subject = SMS-Gateway { $gateway } ist ausgefallen
alarm-storage = Dem SMS-Gateway { $gateway } geht der Speicher aus:
    .subject = SMS-Gateway { $gateway }: Speicher fast voll
alarm-limit = Das SMS-Gateway { $gateway } hat sein Limit ausgeschöpft:
    .subject = SMS-Gateway { $gateway }: Limit ausgeschöpft
alarm-balance = Dem SMS-Gateway { $gateway } geht das Guthaben aus:
    .subject = SMS-Gateway { $gateway }: Guthaben fast aufgebraucht
alarm-hint = `sms-milter gateways list` zeigt den Zustand. Dieser Hinweis kommt einmal und erneut, wenn es wieder geschieht.

disk-full =
    { $text }

    Bitte schaffen Sie Platz: Neue SMS werden dann sofort wieder angenommen, ohne Neustart. Dieser Hinweis kommt einmal und erneut, wenn es wieder geschieht.
    .subject = Der Datenträger der SMS-Warteschlange ist voll
