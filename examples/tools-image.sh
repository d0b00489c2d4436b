#!/bin/sh
# Programs of this machine become an image, which is saved, removed, loaded, and run.
set -eu
gantry="$(dirname "$0")/../gantry"
archive=$(mktemp)
trap 'rm -f "$archive"' EXIT

"$gantry" image from-host -t example/tools /bin/bash /bin/ls /usr/bin/sort
"$gantry" save -o "$archive" example/tools
"$gantry" rmi example/tools
"$gantry" load -i "$archive"
"$gantry" run --rm example/tools bash -c 'ls / | sort -r'
"$gantry" rmi example/tools
