# What a phone is asked when several people wrote to it. One SMS of GSM 7 bit: at most 160 characters.
conflict-question = Plusieurs personnes vous ont écrit. Commencez votre réponse par #nom#

# A mail to $address waits for a number, and its sender is asked. No digits in the subject: an answer has it, and
# a number. $mail: one of the two below. $until: a time with its zone. $subject: that of the mail.
number-question =
    { $mail } à { $address } attend d'être envoyé par SMS : aucun numéro de mobile de { $address } n'est connu ici.

    Veuillez répondre à ce message en indiquant le numéro dans l'objet, par exemple

        Objet : +15551234567

    Le numéro sera conservé pour la prochaine fois, { $address } en sera informé et votre SMS sera envoyé.
    Sans réponse avant le { $until }, le SMS ne sera pas envoyé et vous en serez informé.
    .subject = Numéro de mobile de { $address } ?
number-question-mail = Votre message
number-question-mail-about = Votre message « { $subject } »
