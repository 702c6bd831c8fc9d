# The admin's mails about mails that the mail server does not take. $why is the server's own words, in English.
mail-refused =
    El servidor de correo rechazó el correo adjunto para { $recipient }:

    { $why }
    .subject = El correo para { $recipient } fue rechazado
mail-not-posted =
    Lo que debía entregarse a { $recipient } no fue aceptado: { $why }

    { $content }
mta-away =
    El servidor de correo { $target } no acepta correo desde hace una hora o más:

    { $why }

    Los correos procedentes de SMS y los informes a los remitentes esperan hasta que lo haga. Compruebe que funciona y que mail.inject es su dirección; sms-milter check lo prueba.
    .subject = No se pudieron entregar correos procedentes de SMS
mta-tls =
    La conexión con el servidor de correo { $target } no es privada:

    { $why }

    Los correos procedentes de SMS y los informes a los remitentes esperan hasta que lo sea. El nombre de mail.inject debe figurar en el certificado, y la autoridad que lo firmó debe ser conocida por esta máquina o figurar en mail.inject_ca; sms-milter check lo prueba.
    .subject = El certificado del servidor de correo no es válido
mta-login =
    El servidor de correo { $target } rechazó el inicio de sesión de sms-milter:

    { $why }

    Los correos procedentes de SMS y los informes a los remitentes esperan hasta que sea correcto. Corrija mail.inject_user y mail.inject_password y reinicie sms-milter; sms-milter check los prueba.
    .subject = El servidor de correo no conoce a sms-milter
