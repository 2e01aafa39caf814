"""A tour of the API with Python's standard library. STAYGREEN_URL and STAYGREEN_API_KEY say where, and as whom."""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

API = os.environ["STAYGREEN_URL"].rstrip("/") + "/api/v1"


class Problem(Exception):
    """What the server refused, as it said it (RFC 9457): a stable code, words, and the field that is wrong."""

    def __init__(self, document):
        super().__init__(document["detail"])
        self.code = document["code"]
        self.field = document.get("field")


def ask(method, path, query=None, body=None, key=None):
    url = API + path + ("?" + urllib.parse.urlencode(query) if query else "")
    request = urllib.request.Request(url, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["STAYGREEN_API_KEY"])
    if key:
        request.add_header("Idempotency-Key", key)
    data = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Problem(json.load(error)) from None


def profiles(**filters):
    """Every profile that fits, page after page."""
    cursor = {}
    while True:
        page = ask("GET", "/profiles", {"limit": 50, **filters, **cursor})
        yield from page["items"]
        if not page["next_cursor"]:
            return
        cursor = {"cursor": page["next_cursor"]}


def main(network):
    first = next(profiles(network=network, status="connected"), None)
    if first is None:
        sys.exit(f"no profile of {network} is connected")
    profile = first["id"]
    checked = ask("POST", f"/profiles/{profile}/check")

    # The key names the act: a retry with the same key is the same post.
    key = str(uuid.uuid4())
    post = ask("POST", f"/profiles/{profile}/posts", body={"text": "Hello from Python"}, key=key)
    again = ask("POST", f"/profiles/{profile}/posts", body={"text": "Hello from Python"}, key=key)
    assert post == again

    comments = f"/profiles/{profile}/posts/{urllib.parse.quote(post['id'], safe='')}/comments"
    # Not every network allows what comes now: what is refused is said in words.
    def allowed(*asked, **more):
        try:
            return ask(*asked, **more)
        except Problem as problem:
            print(problem, file=sys.stderr)
            return {}

    comment = allowed("POST", comments, body={"text": "And a comment"}, key=str(uuid.uuid4()))
    said = allowed("GET", comments).get("items", [])

    # A token is a secret: it goes on to where it is needed, and nowhere else.
    token = allowed("GET", f"/profiles/{profile}/access-token", {"min_ttl": 600})

    try:
        ask("GET", "/profiles", {"limit": 0})
    except Problem as problem:
        refused = problem.code

    print(json.dumps({
        "profile": profile, "status": checked["status"], "post": post["id"], "comment": comment.get("id"),
        "text": said[0]["text"] if said else None, "token_type": token.get("token_type"), "refused": refused,
    }))


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "linkedin")
    except Problem as problem:
        sys.exit(str(problem))
