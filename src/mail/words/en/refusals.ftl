# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = This mail has too many mails inside each other to be sent as SMS
refused-too-many-parts = This mail has too many parts to be sent as SMS
refused-long-header = The header of this mail is too long to be sent as SMS
refused-too-big = This mail is too big: its text comes too late to be sent as SMS
refused-no-text = This mail has no text that could be sent as SMS
refused-encrypted = This mail is encrypted: an SMS needs plain text
refused-sealed = The text of this mail lies inside its signature: sign as clear text
refused-files = Files cannot be sent as SMS: send the text alone
refused-damaged = This mail is damaged and cannot be sent as SMS
refused-too-long = The text is longer than you may send at a time
