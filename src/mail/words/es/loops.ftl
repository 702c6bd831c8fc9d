# The admin's mail about two machines that answered each other. $phone is none where there are several.
circle =
    Los correos de { $account } a un teléfono eran respuestas automáticas a SMS de ese teléfono, o correos procedentes de SMS que volvían como SMS:

    { $phone ->
        [none] (varios teléfonos)
       *[other] el teléfono: { $phone }
    }

    Se han detenido, y de ahí no sale ningún SMS más. Busque una respuesta automática que no diga lo que es (Auto-Submitted, RFC 3834), un reenvío a una dirección de SMS, o una pasarela al otro lado que devuelva lo que recibe. Esto se dice una vez al día.
    .subject = SMS y correos daban vueltas en círculo
