"""Verifies a delivery (Standard Webhooks). WEBHOOK_SECRET is whsec_…, the three arguments are the headers webhook-id,
webhook-timestamp and webhook-signature, and standard input is the body as it came. Exit code 0: it is signed by your server."""

import base64
import hashlib
import hmac
import os
import sys
import time

# What is older may be a copy that somebody sends again.
AGE_MAX = 300


def is_genuine(secret, message_id, timestamp, signatures, body):
    if abs(time.time() - int(timestamp)) > AGE_MAX:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # For 24 hours after a new secret was made there are two signatures: one that fits is enough.
    return any(hmac.compare_digest(wanted, signature) for signature in signatures.split(" "))


if __name__ == "__main__":
    good = is_genuine(os.environ["WEBHOOK_SECRET"], *sys.argv[1:4], sys.stdin.buffer.read())
    sys.exit(0 if good else "not signed with this secret, or too old")
