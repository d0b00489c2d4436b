#!/bin/sh
# Builds a real S3 server for `npm run test:s3`: s3s-fs, from crates.io, two minutes of two cores. Not part of `npm test`'s own
# installation for that reason: where it is not there, that suite says so and is skipped.
set -eu

version=0.14.1
root="$HOME/.cache/gantry-s3"

if command -v s3s-fs >/dev/null 2>&1 || [ -x "$root/bin/s3s-fs" ]; then
  echo "S3 server: there"
  exit 0
fi
if ! command -v cargo >/dev/null 2>&1; then
  echo "S3 server: not there, and without cargo not to be built" >&2
  exit 1
fi
echo "S3 server: building s3s-fs $version"
cargo install s3s-fs --version "$version" --locked --features binary --root "$root"
