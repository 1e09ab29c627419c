#!/bin/sh
# Installs or updates the FlexDeploy server on a Debian 13 host. See docs/install-server.md.
exec sh "$(dirname "$0")/../builder/with-node.sh" builder/install-server.ts "$@"
