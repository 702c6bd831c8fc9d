#!/usr/bin/python3
"""python-gsmmodem-new's PDU decoder as a filter: {"decode": HEX} a line in, a reading a line out (readings.rs).

What it raises is answered with {"error": ...}. The directory it was installed in is the only argument.
"""
import json
import sys

sys.path.insert(0, sys.argv[1])

from gsmmodem import pdu  # noqa: E402


def octets(element):
    return bytes(element.data).hex().upper()


def decode(text):
    sms = pdu.decodeSmsPdu(text)
    answer = {
        "type": sms["type"].removeprefix("SMS-").lower(),
        "number": sms["number"],
        "smsc": sms["smsc"] or "",
        "tpdu_length": sms["tpdu_length"],
        "pid": sms.get("protocol_id"),
        "reference": sms.get("reference"),
        "status": sms.get("status"),
    }
    if "text" in sms:
        answer["elements"] = [[element.id, octets(element)] for element in sms.get("udh", [])]
        # It has no surrogate pairs: two halves of one are two characters to it.
        joined = sms["text"].encode("utf-16-be", "surrogatepass")
        answer["text"] = joined.decode("utf-16-be", "replace")
    for key, name in (("time", "time"), ("discharge", "discharged_time")):
        if key in sms:
            answer[name] = int(sms[key].timestamp())
            answer["zone" if key == "time" else "discharged_zone"] = int(sms[key].utcoffset().total_seconds() // 60)
    validity = sms.get("validity")
    if hasattr(validity, "total_seconds"):
        answer["validity"] = int(validity.total_seconds())
    elif validity is not None:
        answer["until"] = int(validity.timestamp())
    return answer


for line in sys.stdin:
    try:
        answer = decode(json.loads(line)["decode"])
    except Exception as error:  # Whatever it dies of is the answer.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
