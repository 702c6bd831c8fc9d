# To the administrator, about a gateway or the disk. $text: what is wrong and what to do, in English.

# Each is followed by $text and alarm-hint.
alarm-parked = The SMS gateway { $gateway } needs you:
    .subject = SMS gateway { $gateway } needs you
alarm-down = The SMS gateway { $gateway } is down:
    .subject = SMS gateway { $gateway } is down
alarm-storage = The SMS gateway { $gateway } is running out of storage:
    .subject = SMS gateway { $gateway } is running out of storage
alarm-limit = The SMS gateway { $gateway } has used up its limit:
    .subject = SMS gateway { $gateway } has used up its limit
alarm-balance = The SMS gateway { $gateway } is running out of credit:
    .subject = SMS gateway { $gateway } is running out of credit
alarm-hint = `sms-milter gateways list` shows how it does. This is said once, and again when it happens anew.

disk-full =
    { $text }

    Make room: new SMS are taken again at once, without a restart. This is said once, and again when it happens anew.
    .subject = The disk of the SMS queue is full
