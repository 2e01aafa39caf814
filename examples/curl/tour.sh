#!/bin/sh
# A tour of the API with curl and Python's JSON. STAYGREEN_URL and STAYGREEN_API_KEY say where, and as whom.
set -eu
network=${1:-linkedin}
api="$STAYGREEN_URL/api/v1"

# The key goes in by standard input: what stands in the command line is seen by everybody on the machine.
ask() { printf 'header = "Authorization: Bearer %s"\n' "$STAYGREEN_API_KEY" | curl --silent --show-error --fail-with-body --config - "$@"; }
say() { ask --header 'Content-Type: application/json' "$@"; }
# One field of the JSON on standard input, as in: field items 0 id
field() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda v, k: v[int(k) if k.isdigit() else k], sys.argv[1:], json.load(sys.stdin)))' "$@"; }
encoded() { python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"; }

# Profiles, by pages; this one is the first.
profile=$(ask "$api/profiles?network=$network&status=connected&limit=50" | field items 0 id)

# Ask the network now.
status=$(ask --request POST "$api/profiles/$profile/check" | field status)

# Publish. The key names the act: the same again is the same post.
key="tour-$(date +%s)-$$"
post=$(say --header "Idempotency-Key: $key" --data '{"text":"Hello from curl"}' "$api/profiles/$profile/posts" | field id)
again=$(say --header "Idempotency-Key: $key" --data '{"text":"Hello from curl"}' "$api/profiles/$profile/posts" | field id)
[ "$post" = "$again" ]

# Comment, and read what was said.
comments="$api/profiles/$profile/posts/$(encoded "$post")/comments"
comment=$(say --header "Idempotency-Key: $key-comment" --data '{"text":"And a comment"}' "$comments" | field id)
text=$(ask "$comments" | field items 0 text)

# A token that lives ten minutes at least. It is a secret: it goes on to where it is needed, and nowhere else.
type=$(ask "$api/profiles/$profile/access-token?min_ttl=600" | field token_type)

# What is refused is a problem document with a stable code.
refused=$(ask "$api/profiles?limit=0" 2>/dev/null | field code || true)

printf '{"profile":"%s","status":"%s","post":"%s","comment":"%s","text":"%s","token_type":"%s","refused":"%s"}\n' \
  "$profile" "$status" "$post" "$comment" "$text" "$type" "$refused"
