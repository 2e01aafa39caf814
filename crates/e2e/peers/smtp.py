"""A real SMTP server on loopback: STARTTLS is required, AUTH as staygreen / smtp-pass is required.

Prints one line of JSON when ready and appends each accepted mail to FOLDER/mails.jsonl.
"""
import datetime
import email
import email.policy
import ipaddress
import json
import re
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder = sys.argv[1]


def certificate():
    """A certificate authority of this run (cert.pem) and the server's certificate under it."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def make(common_name, issuer, issuer_key, public_key, ca):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    authority = make("test authority", ca_name, ca_key, ca_key.public_key(), True)
    server = make("localhost", ca_name, ca_key, key.public_key(), False)
    with open(f"{folder}/cert.pem", "wb") as f:
        f.write(authority.public_bytes(serialization.Encoding.PEM))
    with open(f"{folder}/server.pem", "wb") as f:
        f.write(server.public_bytes(serialization.Encoding.PEM))
    with open(f"{folder}/key.pem", "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        # Whoever is called so is not known here.
        if address.startswith("gone"):
            return "550 5.1.1 <" + address + ">: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = parsed.get_body(("plain",))
        # Mails to whoever is called so are refused for what stands in them, which is quoted, on a line of its own.
        if envelope.rcpt_tos[0].startswith("blocked"):
            link = re.search(r"https?://\S+", text.get_content()).group()
            return f"554-5.7.1 refused by policy, bad link:\r\n554 5.7.1 <{link}>"
        html = parsed.get_body(("html",))
        lines = envelope.content.split(b"\r\n")
        mail = {
            "to": envelope.rcpt_tos,
            "subject": parsed["subject"],
            "message_id": parsed["message-id"],
            "text": text.get_content() if text else "",
            "html": html.get_content() if html else "",
            "headers": [[name, str(value)] for name, value in parsed.items()],
            "ascii": envelope.content.isascii(),
            "bare_line_ends": any(b"\r" in line or b"\n" in line for line in lines),
            "longest_line": max(len(line) for line in lines),
            "tls": session.ssl is not None,
            "authenticated": bool(session.authenticated),
        }
        with open(f"{folder}/mails.jsonl", "a") as f:
            f.write(json.dumps(mail) + "\n")
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    good = getattr(data, "login", b"") == b"staygreen" and getattr(data, "password", b"") == b"smtp-pass"
    return AuthResult(success=good)


certificate()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/server.pem", f"{folder}/key.pem")
controller = Controller(
    Keep(), hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate
)
# Port 0: the controller's own readiness check cannot know the port, so the server is started by hand.
import asyncio

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
server = loop.run_until_complete(loop.create_server(controller.factory, "127.0.0.1", 0))
print(json.dumps({"ready": True, "port": server.sockets[0].getsockname()[1]}), flush=True)
loop.run_forever()
