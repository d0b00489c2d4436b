#!/bin/sh
# The kernel kills what takes more memory than it was given, and throttles what takes more processor.
set -eu
gantry="$(dirname "$0")/../gantry"

echo "A program that takes memory without end, with 32 MiB of it:"
"$gantry" run --name limits-example -m 32m from-host:/bin/bash -c 'x=$(printf "%01000d" 1); while :; do x=$x$x; done' || echo "it ended with $?"
"$gantry" inspect -f 'killed for its memory: {{.State.OOMKilled}}' limits-example
"$gantry" rm limits-example

echo "A busy loop with a tenth of a processor:"
"$gantry" run --rm --cpus 0.1 from-host:/bin/bash -c 'end=$((SECONDS + 2)); while ((SECONDS < end)); do :; done; times'
