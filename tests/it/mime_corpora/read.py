"""What Python's email package reads in the mails whose paths come on standard input, one a line: a line of JSON for
each, {"subject": ..., "plain": ..., "html": ...}. It knows nothing of ours: decoding and charsets are its own.

plain: the text/plain leaves that are no attachments, in order, not those of forwarded mails. html: there is a HTML one.
subject: decoded, null where there is none. Whatever it cannot do it says as {"error": ...}.
"""

import email
import email.policy
import json
import sys


def leaves(part):
    if part.get_content_maintype() == "multipart":
        payload = part.get_payload()
        for child in payload if isinstance(payload, list) else []:
            yield from leaves(child)
    elif part.get_content_maintype() != "message":
        yield part


def text(part):
    octets = part.get_payload(decode=True) or b""
    charset = part.get_content_charset() or "ascii"
    try:
        return octets.decode(charset, "replace")
    except LookupError:
        return octets.decode("ascii", "replace")


def reading(octets):
    mail = email.message_from_bytes(octets, policy=email.policy.default)
    own = [p for p in leaves(mail) if p.get_content_disposition() != "attachment" and not p.get_filename()]
    subject = mail["subject"]
    return {
        "subject": None if subject is None else str(subject),
        "plain": "\n".join(text(p) for p in own if p.get_content_type() == "text/plain"),
        "html": any(p.get_content_type() == "text/html" for p in own),
    }


for line in sys.stdin:
    with open(line.rstrip("\n"), "rb") as file:
        octets = file.read()
    try:
        told = reading(octets)
    except Exception as error:  # It has faults of its own, on mails that are made for that.
        told = {"error": f"{type(error).__name__}: {error}"}
    # Octets that it could not decode and keeps as surrogates are no text.
    print(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8"))
