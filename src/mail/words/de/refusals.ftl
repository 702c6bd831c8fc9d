# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = In dieser E-Mail stecken zu viele E-Mails ineinander, um sie als SMS zu senden
refused-too-many-parts = Diese E-Mail hat zu viele Teile, um sie als SMS zu senden
refused-long-header = Der Kopf dieser E-Mail ist zu lang, um sie als SMS zu senden
refused-too-big = Diese E-Mail ist zu groß: Ihr Text kommt zu spät, um als SMS gesendet zu werden
refused-no-text = Diese E-Mail hat keinen Text, der als SMS gesendet werden könnte
refused-encrypted = Diese E-Mail ist verschlüsselt: Eine SMS braucht lesbaren Text
refused-sealed = Der Text dieser E-Mail liegt in ihrer Signatur: Bitte signieren Sie als Klartext
refused-files = Dateien können nicht als SMS gesendet werden: Bitte senden Sie nur den Text
refused-damaged = Diese E-Mail ist beschädigt und kann nicht als SMS gesendet werden
refused-too-long = Der Text ist länger, als Sie auf einmal senden dürfen
