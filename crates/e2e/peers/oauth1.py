"""An OAuth 1.0a server made of oauthlib's server-side classes, with XING's paths, on loopback.

First line on stdout once up: JSON {ready, url}. Consent is given to whoever asks: GET /v1/authorize redirects at once.
"""
import json
import secrets
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from oauthlib.oauth1 import AccessTokenEndpoint, AuthorizationEndpoint, RequestTokenEndpoint, RequestValidator, ResourceEndpoint

CLIENTS = {"staygreenconsumer": "a secret/+:%"}
REQUEST, ACCESS, VERIFIERS, NONCES = {}, {}, {}, set()


class Validator(RequestValidator):
    enforce_ssl = False
    client_key_length = (5, 100)
    request_token_length = access_token_length = verifier_length = (5, 100)
    nonce_length = (8, 100)
    dummy_client = dummy_request_token = dummy_access_token = "dummy-dummy"

    def validate_client_key(self, key, request):
        return key in CLIENTS

    def get_client_secret(self, key, request):
        return CLIENTS.get(key, "dummy")

    def validate_timestamp_and_nonce(self, key, timestamp, nonce, request, request_token=None, access_token=None):
        seen = (key, timestamp, nonce)
        new = seen not in NONCES
        NONCES.add(seen)
        return new

    def validate_requested_realms(self, key, realms, request):
        return True

    def get_default_realms(self, key, request):
        return []

    def get_realms(self, token, request):
        return []

    def validate_realms(self, key, token, request, uri=None, realms=None):
        return True

    def validate_redirect_uri(self, key, uri, request):
        return uri.startswith("http")

    def save_request_token(self, token, request):
        REQUEST[token["oauth_token"]] = (token["oauth_token_secret"], request.redirect_uri)

    def verify_request_token(self, token, request):
        return token in REQUEST

    def validate_request_token(self, key, token, request):
        return token in REQUEST

    def get_request_token_secret(self, key, token, request):
        return REQUEST[token][0] if token in REQUEST else "dummy"

    def get_redirect_uri(self, token, request):
        return REQUEST[token][1]

    def save_verifier(self, token, verifier, request):
        VERIFIERS[token] = verifier["oauth_verifier"]

    def validate_verifier(self, key, token, verifier, request):
        return VERIFIERS.get(token) == verifier

    def invalidate_request_token(self, key, token, request):
        REQUEST.pop(token, None)

    def save_access_token(self, token, request):
        ACCESS[token["oauth_token"]] = token["oauth_token_secret"]

    def validate_access_token(self, key, token, request):
        return token in ACCESS

    def get_access_token_secret(self, key, token, request):
        return ACCESS.get(token, "dummy")


validator = Validator()
request_token, authorization = RequestTokenEndpoint(validator), AuthorizationEndpoint(validator)
access_token, resource = AccessTokenEndpoint(validator), ResourceEndpoint(validator)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=None):
        body = (body or "").encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        url = f"http://{self.headers['Host']}{self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, headers = urlsplit(self.path).path, dict(self.headers)
        if not body:
            headers.pop("Content-Type", None)
        if path == "/v1/request_token":
            sent, text, status = request_token.create_request_token_response(url, self.command, body or None, headers)
            self.answer(201 if status == 200 else status, text, sent)
        elif path == "/v1/authorize":
            sent, text, status = authorization.create_authorization_response(url, self.command, body or None, headers)
            self.answer(status, text, sent)
        elif path == "/v1/access_token":
            sent, text, status = access_token.create_access_token_response(url, self.command, body or None, headers)
            if status == 200:
                text += "&" + urlencode({"user_id": "23874563_a91c0e"})
            self.answer(201 if status == 200 else status, text, sent)
        elif path == "/revoke-all":
            ACCESS.clear()
            self.answer(200, "")
        else:
            valid, _ = resource.validate_protected_resource_request(url, self.command, body or None, headers)
            if not valid:
                return self.answer(401, json.dumps({"error_name": "INVALID_OAUTH_TOKEN", "message": "Invalid OAuth token"}), {"Content-Type": "application/json"})
            echo = {"users": [{"id": "23874563_a91c0e", "display_name": "Jana Lindner", "page_name": "Jana_Lindner"}]}
            echo["received"] = dict(parse_qsl(urlsplit(self.path).query) + parse_qsl(body))
            self.answer(200 if self.command == "GET" else 201, json.dumps(echo), {"Content-Type": "application/json"})

    do_GET = do_POST = handle_any


server = HTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"ready": True, "url": f"http://127.0.0.1:{server.server_port}", "id": secrets.token_hex(4)}), flush=True)
server.serve_forever()
