#!/usr/bin/python3
"""Gammu's SMS codec as a filter: a JSON request a line in, a JSON answer a line out.

{"decode": HEX}                       -> a reading: see readings.rs
{"encode": KIND, "number": N, "text": T, "unicode": BOOL, "class": C}
                                      -> parts: [{hex, text, data, udh}]

KIND is Submit or Deliver. What gammu refuses is answered with {"error": ...}.
"""
import datetime
import json
import sys

import gammu

ENCODINGS = {"Default_No_Compression": "gsm7", "Unicode_No_Compression": "ucs2", "8bit": "binary"}
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
    }


def validity(sms):
    """Seconds; gammu writes steps: 5M, 12H, 4D, 1W, and Max for 63 weeks."""
    text = sms["SMSC"]["Validity"].replace("Max", "63W")
    if text == "NA":
        return None
    unit = {"M": 60, "H": 3600, "D": 86400, "W": 604800}[text[-1]]
    return int(text[:-1]) * unit


def decode(request):
    sms = gammu.DecodePDU(bytes.fromhex(request["decode"]), True)
    report = sms["Type"] == "Status_Report"
    wall = sms["DateTime"]
    done = sms["SMSCDateTime"] if report else None
    answer = {
        "type": {"Submit": "submit", "Deliver": "deliver", "Status_Report": "status-report"}[sms["Type"]],
        "number": sms["Number"],
        "smsc": sms["SMSC"]["Number"],
        "wall": wall.isoformat() if wall else None,
    }
    if report:
        answer.update(reference=sms["MessageReference"], status=sms["DeliveryStatus"],
                      discharged=done.isoformat() if done else None)
        return answer
    # Of an SMS-DELIVER, gammu keeps TP-RP and a PID that replaces; of an SMS-SUBMIT also TP-RD.
    answer.update(content(sms), encoding=ENCODINGS[sms["Coding"]], reply_path=bool(sms["ReplyViaSameSMSC"]),
                  replaces=sms["ReplaceMessage"], **{"class": sms["Class"]})
    if sms["Type"] == "Submit":
        answer.update(reference=sms["MessageReference"], validity=validity(sms),
                      reject_duplicates=bool(sms["RejectDuplicates"]))
    return answer


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
