# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# Po každém následuje $text a alarm-hint.
alarm-parked = SMS brána { $gateway } vyžaduje váš zásah:
    .subject = SMS brána { $gateway } vyžaduje váš zásah
alarm-down = SMS brána { $gateway } je mimo provoz:
    .subject = SMS brána { $gateway } je mimo provoz
alarm-storage = SMS bráně { $gateway } dochází paměť:
    .subject = SMS bráně { $gateway } dochází paměť
alarm-limit = SMS brána { $gateway } vyčerpala svůj limit:
    .subject = SMS brána { $gateway } vyčerpala svůj limit
alarm-balance = SMS bráně { $gateway } dochází kredit:
    .subject = SMS bráně { $gateway } dochází kredit
alarm-hint = `sms-milter gateways list` zobrazí její stav. Toto upozornění přijde jednou a znovu, až se problém zopakuje.

disk-full =
    { $text }

    Uvolněte místo: nové SMS se pak budou ihned přijímat, bez restartu. Toto upozornění přijde jednou a znovu, až se problém zopakuje.
    .subject = Disk s frontou SMS je plný
