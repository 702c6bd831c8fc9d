# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = Ce message contient trop de messages imbriqués pour être envoyé par SMS
refused-too-many-parts = Ce message a trop de parties pour être envoyé par SMS
refused-long-header = L'en-tête de ce message est trop long pour un envoi par SMS
refused-too-big = Ce message est trop volumineux : son texte arrive trop tard pour être envoyé par SMS
refused-no-text = Ce message n'a pas de texte qui puisse être envoyé par SMS
refused-encrypted = Ce message est chiffré : un SMS exige du texte en clair
refused-sealed = Le texte de ce message se trouve dans sa signature : signez en clair
refused-files = Les fichiers ne peuvent pas être envoyés par SMS : envoyez le texte seul
refused-damaged = Ce message est endommagé et ne peut pas être envoyé par SMS
refused-too-long = Le texte est plus long que ce que vous pouvez envoyer en une fois
