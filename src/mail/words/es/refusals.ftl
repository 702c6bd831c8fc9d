# Why a mail became no SMS, below its recipient. SMTP replies say the same in English.

refused-too-deep = Este mensaje contiene demasiados mensajes anidados para enviarse por SMS
refused-too-many-parts = Este mensaje tiene demasiadas partes para enviarse por SMS
refused-long-header = La cabecera de este mensaje es demasiado larga para enviarse por SMS
refused-too-big = Este mensaje es demasiado grande: su texto llega demasiado tarde para enviarse por SMS
refused-no-text = Este mensaje no tiene texto que pueda enviarse por SMS
refused-encrypted = Este mensaje está cifrado: un SMS necesita texto sin cifrar
refused-sealed = El texto de este mensaje está dentro de su firma: firme como texto sin formato
refused-files = Los archivos no se pueden enviar por SMS: envíe solo el texto
refused-damaged = Este mensaje está dañado y no se puede enviar por SMS
refused-too-long = El texto es más largo de lo que usted puede enviar de una vez
