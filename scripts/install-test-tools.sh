#!/bin/sh
# Installs what only the tests need: foreign clients, a foreign registry, seeds for images, fuzzers, tools that look at the
# kernel; with the argument `vm`, what builds and emulates the guests of `npm run test:vm`. Quick when all is there. Without
# root or apt-get it names what is missing; the tests that want it say so and skip.
set -eu

# command:package
tools="
attr:attr
busybox:busybox-static
capsh:libcap2-bin
chromium:chromium
clang:clang
criu:criu
crun:crun
debootstrap:debootstrap
dockerd:docker.io
docker-registry:docker-registry
htpasswd:apache2-utils
ip:iproute2
iptables:iptables
jq:jq
musl-gcc:musl-tools
nft:nftables
podman:podman
runc:runc
skopeo:skopeo
socat:socat
strace:strace
umoci:umoci
zstd:zstd
"

if [ "${1-}" = vm ]; then
  tools="
busybox:busybox-static
cpio:cpio
debootstrap:debootstrap
depmod:kmod
flock:util-linux
mke2fs:e2fsprogs
qemu-system-x86_64:qemu-system-x86
xz:xz-utils
"
fi

PATH="$PATH:/usr/sbin:/sbin"
missing=""
for tool in $tools; do
  command -v "${tool%%:*}" >/dev/null 2>&1 || missing="$missing ${tool#*:}"
done
# The fuzzers' runtime has no command of its own.
if [ "${1-}" != vm ] && ! ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1; then
  missing="$missing libclang-rt-14-dev"
fi

if [ -z "$missing" ]; then
  echo "test tools: all there"
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "test tools: missing, and not installable here:$missing (the tests that need them are skipped)"
  exit 0
fi
echo "test tools: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The daemons that some of these bring must not start: tests run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
# shellcheck disable=SC2086
if { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
  rm -f "$log"
  echo "test tools: installed"
else
  tail -n 5 "$log" >&2
  echo "test tools: apt-get failed (its output: $log); the tests that need them are skipped"
fi
