#!/bin/sh
# A registry with users and rights, alone over a root of its own: what access.toml lets whom do, and how a client gets a token.
set -eu
cd "$(dirname "$0")"
command -v curl >/dev/null || { echo "this example asks the registry with curl, which is not installed" >&2 && exit 1; }

root=$(mktemp -d)
listen=127.0.0.1:${PORT:-5055}
trap 'kill "$server" 2>/dev/null || true; rm -rf "$root"' EXIT

cp access.toml "$root/"
echo "a long password" | ../gantry registry user password alice --root "$root" --password-stdin
echo "another one" | ../gantry registry user add bob --root "$root" --password-stdin
../gantry registry user list --root "$root"

for request in "alice push team/app" "bob push team/app" "bob delete bob/app" "- pull public/base" "- pull team/app"; do
	# shellcheck disable=SC2086 # three words
	printf '%-22s' "$request" && ../gantry registry access check --root "$root" $request || true
done

../gantry registry serve --root "$root" --listen "$listen" &
server=$!
until curl --silent --include "http://$listen/v2/" | grep -qi "^docker-distribution"; do
	# It has said why it ended.
	kill -0 "$server" 2>/dev/null || exit 1
	sleep 0.1
done

echo "Without a name the registry answers:"
curl --silent --include "http://$listen/v2/" | grep -i "^http\|^www-authenticate"
echo "Its token service lets alice have of pull, push and delete in team/app:"
curl --silent --user "alice:a long password" "http://$listen/token?scope=repository:team/app:pull,push,delete" |
	grep -o '"scope":"[^"]*"'
