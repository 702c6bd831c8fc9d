# Marcas en el texto de un SMS largo, cada una en su línea: partes que no llegaron, y tardías que siguen.
part-missing = [falta la parte { $part } de { $parts }]
parts-missing = [faltan las partes { $from } a { $to } de { $parts }]
part-late = [parte { $part } de { $parts }]
parts-late = [partes { $from } a { $to } de { $parts }]

# Al administrador. $parts, $senders: cuántos. $worst: el remitente de la mayoría, que envió $most.
flood =
    Llegaron partes de SMS largos sin las demás: más de las que alguien leería como correos. Se conservan, en cuarentena,
    y no están en ningún correo.

        Partes: { $parts }
        Remitentes: { $senders }
        La mayoría de: { $worst } ({ $most })

    `sms-milter inbound list` las muestra. `sms-milter inbound release --sender REMITENTE`, o --all, las entrega a pesar de
    todo; `sms-milter inbound drop --sender REMITENTE`, o --all, las descarta. Esto se dice como mucho una vez por hora.
    .subject = Una avalancha de SMS a los que faltan partes
