"""What parsers that no one here wrote make of a report on standard input, as JSON: Python's email package
(RFC 3464 fields and parts), and flufl.bounce (who bounced). Debian: python3-flufl.bounce."""

import email
import email.policy
import json
import sys

from flufl.bounce import all_failures

octets = sys.stdin.buffer.read()
mail = email.message_from_bytes(octets)
parts = mail.get_payload() if mail.is_multipart() else []
told = {"type": mail.get_content_type(), "report_type": mail.get_param("report-type"),
        "parts": [part.get_content_type() for part in parts]}
for part in parts:
    if part.get_content_type() == "message/delivery-status":
        blocks = [dict(block.items()) for block in part.get_payload()]
        told["mail"], told["recipients"] = blocks[0], blocks[1:]
    elif part.get_content_type() == "message/rfc822":
        original = part.get_payload(0)
        told["original"] = {"subject": original["Subject"], "text": original.get_payload()}
    elif part.get_content_type() == "text/rfc822-headers":
        told["original"] = {"subject": email.message_from_string(part.get_payload())["Subject"]}
defects = [mail.defects] + [part.defects for part in mail.walk()]
told["defects"] = [repr(defect) for found in defects for defect in found]
temporary, permanent = all_failures(mail)
told["late"] = sorted(address.decode() for address in temporary)
told["failed"] = sorted(address.decode() for address in permanent)
print(json.dumps(told))
