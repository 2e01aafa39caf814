#!/bin/sh
# A tour of the API with curl and Python's JSON. STAYGREEN_URL and STAYGREEN_API_KEY say where, and as whom.
set -eu
network=${1:-linkedin}
api="$STAYGREEN_URL/api/v1"

# What the server refuses is a problem document: its words go to whoever watches, and the tour ends.
# The key goes in by standard input: what stands in the command line is seen by everybody on the machine.
ask() {
  if said=$(printf 'header = "Authorization: Bearer %s"\n' "$STAYGREEN_API_KEY" | curl --silent --show-error --fail-with-body --config - "$@"); then
    printf '%s' "$said"
  else
    printf '%s' "$said" | field detail >&2 || true
    return 1
  fi
}
say() { ask --header 'Content-Type: application/json' "$@"; }
# One field of the JSON on standard input, as in: field items 0 id. Fails without a word where there is none.
field() {
  python3 -c 'import functools, json, sys
try:
    print(functools.reduce(lambda v, k: v[int(k) if k.isdigit() else k], sys.argv[1:], json.load(sys.stdin)))
except (LookupError, TypeError, ValueError):
    sys.exit(1)' "$@"
}
encoded() { python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"; }

# Profiles, by pages; this one is the first.
first=$(ask "$api/profiles?network=$network&status=connected&limit=50")
profile=$(printf '%s' "$first" | field items 0 id) || { echo "no profile of $network is connected" >&2; exit 1; }

# Ask the network now.
status=$(ask --request POST "$api/profiles/$profile/check" | field status)

# Publish. The key names the act: the same again is the same post.
key="tour-$(date +%s)-$$"
post=$(say --header "Idempotency-Key: $key" --data '{"text":"Hello from curl"}' "$api/profiles/$profile/posts" | field id)
again=$(say --header "Idempotency-Key: $key" --data '{"text":"Hello from curl"}' "$api/profiles/$profile/posts" | field id)
[ "$post" = "$again" ]

# Comment, and read what was said, where the network allows it.
comments="$api/profiles/$profile/posts/$(encoded "$post")/comments"
comment=$(say --header "Idempotency-Key: $key-comment" --data '{"text":"And a comment"}' "$comments" | field id) || comment=
text=$(ask "$comments" | field items 0 text) || text=

# A token that lives ten minutes at least, where it can leave the server. It is a secret: it goes on to where it is needed, and nowhere else.
type=$(ask "$api/profiles/$profile/access-token?min_ttl=600" | field token_type) || type=

# What is refused is a problem document with a stable code.
refused=$(printf 'header = "Authorization: Bearer %s"\n' "$STAYGREEN_API_KEY" | curl --silent --config - "$api/profiles?limit=0" | field code)

printf '{"profile":"%s","status":"%s","post":"%s","comment":"%s","text":"%s","token_type":"%s","refused":"%s"}\n' \
  "$profile" "$status" "$post" "$comment" "$text" "$type" "$refused"
