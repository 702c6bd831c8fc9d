#!/usr/bin/python3
"""Gammu's SMS codec as a filter: a JSON request a line in, a JSON answer a line out.

{"decode": HEX}                       -> number, text or data, udh, coding, class, reference, status
{"encode": KIND, "number": N, "text": T, "unicode": BOOL, "class": C}
                                      -> parts: [{hex, text, udh, coding}]

KIND is Submit or Deliver. What gammu refuses is answered with {"error": ...}.
"""
import datetime
import json
import sys

import gammu

SMSC = {"Location": 1, "Name": "", "Format": "Text", "Validity": "Max",
        "Number": "+15550001111", "DefaultNumber": ""}


def content(sms):
    text = sms["Text"]
    if isinstance(text, str):
        # Half a surrogate pair, which JSON cannot hold.
        text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return {
        "text": text if isinstance(text, str) else None,
        "data": text.hex().upper() if isinstance(text, bytes) else None,
        "udh": sms["UDH"]["Text"].hex().upper(),
        "coding": sms["Coding"],
    }


def decode(request):
    sms = gammu.DecodePDU(bytes.fromhex(request["decode"]), True)
    return dict(content(sms), number=sms["Number"], type=sms["Type"],
                reference=sms["MessageReference"], status=sms["DeliveryStatus"],
                **{"class": sms["Class"]})


def encode(request):
    info = {"Class": request["class"], "Unicode": request["unicode"],
            "Entries": [{"ID": "ConcatenatedTextLong", "Buffer": request["text"]}]}
    parts = []
    for sms in gammu.EncodeSMS(info):
        sms["Number"] = request["number"]
        sms["SMSC"] = SMSC
        sms["Type"] = request["encode"]
        sms["DateTime"] = datetime.datetime(2026, 11, 20, 12, 30, 59)
        pdu = gammu.EncodePDU(sms, request["encode"])
        parts.append(dict(content(sms), hex=pdu.hex().upper()))
    return {"parts": parts}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = decode(request) if "decode" in request else encode(request)
    except (gammu.GSMError, ValueError, UnicodeError) as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer))
