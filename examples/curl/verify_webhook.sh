#!/bin/sh
# Verifies a delivery (Standard Webhooks): WEBHOOK_SECRET is whsec_…, the three arguments are the headers webhook-id,
# webhook-timestamp and webhook-signature, and standard input is the body as it came. Exit code 0: it is signed by your server.
set -eu
id=$1 timestamp=$2 signatures=$3
now=$(date +%s)
# What is older than five minutes may be a copy that somebody sends again.
[ $((now - timestamp)) -le 300 ] && [ $((timestamp - now)) -le 300 ] || { echo "too old" >&2; exit 1; }
key=$(printf '%s' "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
body=$(mktemp) && trap 'rm -f "$body"' EXIT
cat > "$body"
wanted=$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
for signature in $signatures; do
  [ "$signature" = "v1,$wanted" ] && exit 0
done
echo "not signed with this secret" >&2
exit 1
