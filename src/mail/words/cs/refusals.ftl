# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = Tento e-mail obsahuje příliš mnoho do sebe vložených e-mailů, než aby šel odeslat jako SMS
refused-too-many-parts = Tento e-mail má příliš mnoho částí, než aby šel odeslat jako SMS
refused-long-header = Hlavička tohoto e-mailu je příliš dlouhá, než aby šel odeslat jako SMS
refused-too-big = Tento e-mail je příliš velký: jeho text přichází příliš pozdě, než aby šel odeslat jako SMS
refused-no-text = Tento e-mail nemá text, který by šel odeslat jako SMS
refused-encrypted = Tento e-mail je zašifrovaný: SMS potřebuje čitelný text
refused-sealed = Text tohoto e-mailu je uvnitř jeho podpisu: podepište jej jako prostý text
refused-files = Soubory nelze odeslat jako SMS: pošlete pouze text
refused-damaged = Tento e-mail je poškozený a nelze jej odeslat jako SMS
refused-too-long = Text je delší, než kolik smíte odeslat najednou
