#!/usr/bin/env bash
# Installs (`install`) or starts a certified OAuth 2.0 authorization server on loopback.
#   PEER_CACHE  folder to install into; OP_PORT, REDIRECT (the client's address), AT_TTL (20 s)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$PEER_CACHE/oidc-provider
mkdir -p "$home"; cd "$home"
if [ ! -e .installed ]; then
  [ -e package.json ] || npm init -y >/dev/null
  npm install oidc-provider@9.6.0 --no-audit --no-fund --ignore-scripts >install.log 2>&1
  touch .installed
fi
[ "${1:-}" != install ] || exit 0
PEER_HOME=$home exec node -r "$here/loopback-only.cjs" "$here/oidc-provider.mjs"
