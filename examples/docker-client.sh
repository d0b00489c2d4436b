#!/bin/sh
# The docker program, unchanged, on Gantry's socket.
set -eu
gantry="$(dirname "$0")/../gantry"
command -v docker >/dev/null || { echo "docker is not installed: nothing to show" >&2; exit 0; }

"$gantry" image from-host -t example/shell /bin/bash >/dev/null
DOCKER_HOST="${GANTRY_HOST:-unix://${GANTRY_STATE:-/run/gantry}/gantry.sock}"
export DOCKER_HOST
docker version --format 'docker {{.Client.Version}} talks to {{.Server.Platform.Name}} {{.Server.Version}}'
docker run --rm --entrypoint /bin/bash example/shell -c 'echo "hello from $HOSTNAME"'
docker rmi example/shell >/dev/null
