# What the sender hears of his SMS. $number: the phone. $about: the subject of his mail, or the number.
# $reason: why, in the words of a gateway. $at and $until: a time with its zone. $segments: how many.
# $sent and $unknown: so many of all $parts.

report-failed = Vaše SMS na číslo { $number } nebyla odeslána: { $reason }.
    .subject = SMS neodeslána: { $about }
report-expired = Vaši SMS na číslo { $number } se nepodařilo včas odeslat a další pokusy byly ukončeny. Poslední důvod: { $reason }.
    .subject = SMS neodeslána: { $about }
report-unknown = Vaše SMS na číslo { $number } možná byla odeslána: { $reason }. Nebude se opakovat. Než ji odešlete znovu, ověřte si, zda nedorazila.
    .subject = SMS možná nebyla odeslána: { $about }
report-late = Vaše SMS na číslo { $number } zatím nebyla odeslána: { $reason }. Pokusy budou pokračovat do { $until }. Není třeba ji posílat znovu.
    .subject = SMS se opožďuje: { $about }
report-confirmed = Vaše SMS na číslo { $number } byla předána síti { $at } { $segments ->
        [one] v 1 segmentu
        [few] ve { $segments } segmentech
        [many] v { $segments } segmentu
       *[other] v { $segments } segmentech
    }. Zda dorazila do telefonu, není známo: síť to nesděluje.
    .subject = SMS odeslána: { $about }
report-overdue = Vaše SMS na číslo { $number } byla předána síti { $at } { $segments ->
        [one] v 1 segmentu
        [few] ve { $segments } segmentech
        [many] v { $segments } segmentu
       *[other] v { $segments } segmentech
    }. Síť zatím nepotvrdila, že ji telefon přijal; jakmile tak učiní, dáme vám vědět.
    .subject = SMS odeslána, zatím nedoručena: { $about }
report-delivered = Vaše SMS na číslo { $number } byla doručena { $at } { $segments ->
        [one] v 1 segmentu
        [few] ve { $segments } segmentech
        [many] v { $segments } segmentu
       *[other] v { $segments } segmentech
    }.
    .subject = SMS doručena: { $about }
report-undelivered = Vaše SMS na číslo { $number } byla odeslána, ale do telefonu nedorazila: { $reason }.
    .subject = SMS nedoručena: { $about }
report-progress = Odeslané části: { $sent } z { $parts }.
report-progress-unknown = Odeslané části: { $sent } z { $parts }, nejisté: { $unknown }.

# Důvod ve zprávě, pokud žádná brána důvod neuvedla.
reason-failed = odmítnuta
reason-expired = žádná brána ji včas nepřijala
reason-unknown = brána nesdělila, zda byla odeslána
reason-late = žádná brána ji zatím nepřijala
reason-undelivered = síť ji nedokázala doručit

# Následují příjemci, každý se svým důvodem.
report-refused = Váš e-mail nebyl odeslán jako SMS těmto příjemcům:
    .subject = SMS neodeslána: { $about }

# Následuje odeslaný text.
report-cut = Vaše SMS na číslo { $number } byla příliš dlouhá a byla zkrácena na { $segments ->
        [one] 1 segment
        [few] { $segments } segmenty
        [many] { $segments } segmentu
       *[other] { $segments } segmentů
    }. Odesláno bylo toto:
    .subject = SMS zkrácena na { $segments ->
        [one] 1 segment
        [few] { $segments } segmenty
        [many] { $segments } segmentu
       *[other] { $segments } segmentů
    }: { $about }
