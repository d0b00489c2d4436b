#!/usr/bin/env bash
# Runs a command as root in a fresh guest, a Debian that QEMU emulates; CONTRIBUTING.md says how it is used.
#
# COMMAND gets exactly the given arguments, an empty standard input and an almost empty environment. Its output and its
# errors arrive as a stream each. The status is the command's (128 + N after signal N), 124 after a timeout, 125 when the
# guest did not start or crashed. After a timeout the errors end with what the guest's kernel says of where all stands.
# A run leaves no process and no folder, also when a signal ends it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gantry-vm}
lsm=apparmor cgroup=v2 init=script memory=1024 cpus=2 net='' host=1 timeout=300 fast='' unfinished='' disk=''
shares=()

usage() {
  cat >&2 <<'EOF'
usage: run.sh [OPTION]... -- COMMAND...
  --lsm apparmor|selinux|none  the security module (apparmor, without a profile)
  --cgroup v2|hybrid|v1        what is at /sys/fs/cgroup (v2, all controllers enabled)
  --init script|systemd        process 1: a small script, or systemd with a system bus (script)
  --memory MiB, --cpus N       1024 and 2
  --share DIR                  the host's folder at the same path, read-write, by 9p: slow, and no overlay upperdir
  --disk FILE                  a file with an ext4 file system, at /project; what is written to it is dropped
  --net NAME, --host N         guests of one NAME share a network; eth0 is 10.98.0.N (1)
  --fast                       start from a saved guest (made on first use)
  --timeout SECONDS            of the command (300)
EOF
  exit 125
}
fail() { echo "vm: $*" >&2; exit 125; }

while (($#)); do
  case $1 in
  --) shift; break ;;
  --fast) fast=1; shift; continue ;;
  --lsm | --cgroup | --init | --memory | --cpus | --share | --disk | --net | --host | --timeout) (($# > 1)) || usage ;;&
  --lsm) lsm=$2 ;;
  --cgroup) cgroup=$2 ;;
  --init) init=$2 ;;
  --memory) memory=$2 ;;
  --cpus) cpus=$2 ;;
  --share) shares+=("$(realpath -e -- "$2")") || fail "no such folder: $2" ;;
  --disk) disk=$(realpath -e -- "$2") || fail "no such file: $2" ;;
  --net) net=$2 ;;
  --host) host=$2 ;;
  --timeout) timeout=$2 ;;
  *) usage ;;
  esac
  shift 2
done
(($#)) || usage
case $lsm in
apparmor | none) image=root.img ;;
selinux) image=root-selinux.img ;;
*) usage ;;
esac
[[ $cgroup =~ ^(v2|hybrid|v1)$ && $init =~ ^(script|systemd)$ && $memory$cpus$host$timeout =~ ^[0-9]+$ ]] || usage
"$here/build.sh" >&2

# What a killed run may have left: its folder is no longer locked.
tmp=${TMPDIR:-/tmp}
find "$tmp" -maxdepth 1 -name 'gantry-vm.*' -mmin +1 -exec flock -n {} rm -rf {} \; 2>/dev/null || true
dir=$(mktemp -d "$tmp/gantry-vm.XXXXXX")
exec 8<"$dir"
flock 8
children=()
# shellcheck disable=SC2317  # called by the trap
cleanup() {
  trap '' TERM INT HUP
  exec 2>/dev/null
  ((!${#children[@]})) || kill -KILL "${children[@]}" 2>/dev/null || true
  wait
  rm -rf "$dir" ${unfinished:+"$unfinished"}
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP
# A child ends with this script, however this script ends.
child() { setpriv --pdeathsig KILL "$@" & children+=("$!"); }

mkdir "$dir/io"
mkfifo "$dir"/monitor.{in,out}
touch "$dir"/io/{out,err,shares,host}
echo /root >"$dir/io/cwd"
printf '%s\0' "$@" >"$dir/io/argv"
quote() { echo "${1//,/,,}"; }
# shellcheck disable=SC2054  # QEMU's options have commas
qemu=(
  qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none
  -machine q35,sata=off,smbus=off,usb=off,vmport=off -accel "tcg,thread=multi"
  -cpu Westmere,rdrand=on -smp "$cpus" -m "$memory"
  -kernel "$cache/kernel/vmlinux" -initrd "$cache/initramfs.cpio"
  -serial "file:$(quote "$dir/console")"
  -chardev "pipe,id=monitor,path=$(quote "$dir/monitor")" -mon monitor
  -drive "if=none,id=root,format=raw,snapshot=on,cache=unsafe,file=$(quote "$cache/$image")"
  -device virtio-blk-pci,drive=root
)
# share TAG DIR
share() {
  local model=mapped-xattr
  ((EUID)) || model=passthrough
  qemu+=(-fsdev "local,id=$1,multidevs=remap,security_model=$model,path=$(quote "$2")"
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
share io "$dir/io"
if [[ $disk ]]; then
  qemu+=(-drive "if=none,id=disk,format=raw,snapshot=on,cache=unsafe,file=$(quote "$disk")" -device virtio-blk-pci,drive=disk)
  touch "$dir/io/disk"
  echo /project >"$dir/io/cwd"
fi
for i in "${!shares[@]}"; do
  share "share$i" "${shares[i]}"
  printf '%s\0' "${shares[i]}" >>"$dir/io/shares"
  [[ $PWD/ != "${shares[i]}"/* ]] || printf '%s' "$PWD" >"$dir/io/cwd"
done
# Most of this only makes the start quicker.
append="console=ttyS0 ${VM_DEBUG:-quiet} panic=-1 tsc=reliable mitigations=off rodata=off cryptomgr.notests"
append+=" initcall_blacklist=init_kprobe_trace,load_system_certificate_list rcupdate.rcu_expedited=1"
# On a busy host the emulated timer is late, which the kernel takes for a broken one: it panics at its start (seen).
append+=" no_timer_check sysrq_always_enabled"
# Rarely an emulated kernel hangs for good, each processor busy in it (seen twice, at the start of a program with threads): it
# ends itself after a minute of that.
append+=" softlockup_panic=1 watchdog_thresh=30"
append+=" VM_LSM=$lsm VM_CGROUP=$cgroup VM_INIT=$init"
if [[ $init == systemd && $cgroup != v2 ]]; then
  append+=" systemd.unified_cgroup_hierarchy=0"
  [[ $cgroup != v1 ]] || append+=" systemd.legacy_systemd_cgroup_controller=1"
fi
case $lsm in
none) append+=" lsm=landlock,yama" ;;
*) append+=" lsm=landlock,yama,$lsm" ;;
esac
if [[ $net ]]; then
  read -r sum _ < <(cksum <<<"$net")
  group=239.$((sum >> 24 & 255)).$((sum >> 16 & 255)).$((sum >> 8 & 255)):$((20000 + (sum & 255)))
  qemu+=(-netdev "socket,id=net,mcast=$group,localaddr=127.0.0.1"
    -device "virtio-net-pci,romfile=,netdev=net")
  echo "$host" >"$dir/io/host"
fi

qemu+=(-append "$append${fast:+ VM_FAST=1}")

# Tells QEMU's monitor LINES.
monitor() { printf '%s\n' "$@" 1<>"$dir/monitor.in"; }

# A guest that waits, its memory saved in a file: a fast run starts from there. It serves until the host, QEMU or
# this script changes.
make_snapshot() {
  mkdir -p "$cache/fast"
  exec 7>"$cache/fast/lock"
  flock 7
  [[ ! -e $snapshot ]] || { exec 7>&-; return 0; }
  unfinished=$snapshot.new
  rm -f "${snapshot%.*}".*
  child timeout -s KILL 60 setpriv --pdeathsig KILL "${qemu[@]}" >"$dir/qemu" 2>&1 7>&-
  until grep -q 'vm: ready' "$dir/console" 2>/dev/null; do
    kill -0 "$!" 2>/dev/null || { tail -n 20 "$dir/qemu" "$dir/console" >&2; fail 'the guest did not start'; }
    sleep 0.1
  done
  monitor 'migrate_set_parameter max-bandwidth 100g' "migrate \"exec:cat >'$unfinished'\"" quit
  wait "$!" || fail 'no snapshot'
  children=()
  mv "$unfinished" "$snapshot"
  exec 7>&-
}

# Where a guest that does not end stands: the last lines of its console, what its processors do, and where its tasks wait,
# innermost first. Its kernel is asked, by the keyboard's magic SysRq, which needs none of its processes.
explain() {
  local key said=0 late size
  cp "$dir/console" "$dir/console.before"
  # All is to go to the console; backtraces of processors; blocked tasks; all tasks.
  for key in 7 l w t; do
    monitor "sendkey alt-sysrq-$key"
    late=$((SECONDS + 10))
    until (($(grep -c 'sysrq: [CS]h' "$dir/console") > said)); do
      ((SECONDS < late)) || { echo 'its kernel does not answer, its console:'; tail -n 60 "$dir/console"; return; }
      sleep 0.1
    done
    ((++said))
    size=''
    until [[ $size == $(stat -c %s "$dir/console") ]] || ((SECONDS >= late + 10)); do
      size=$(stat -c %s "$dir/console")
      sleep 0.5
    done
  done
  echo 'its console, processors and tasks:'
  tail -n 60 "$dir/console.before"
  tr -d '\r' <"$dir/console" | sed 's/^\[ *[0-9.]*\] //' | awk '
    /^sysrq: Show backtrace/, /^sysrq: Show Blocked/ { if (!/^sysrq/) print }
    /^sysrq: Show State/ { isAll = 1 }
    !isAll || /^Call Trace:/ { next }
    # The tasks of the kernel itself, children of 2, only where they are blocked.
    /^[^ ]/ { if (line) print line; line = /^task:/ && (!/ppid:2 / || /state:D/) ? $0 ":" : "" }
    line && /^ [^ ?<]+\+0x/ { sub(/\+0x.*/, ""); line = line $0 }
    END { if (line) print line }'
}

export TMPDIR=$dir
if [[ $fast ]]; then
  key=$(stat -c '%s %Y' "$(command -v qemu-system-x86_64)" | cat - "$0" /proc/sys/kernel/random/boot_id | cksum)
  snapshot=$cache/fast/$lsm-$cgroup-$init-$memory-$cpus-${net:+net}-${#shares[@]}${disk:+-disk}.${key% *}
  mkfifo "$dir/go.in" "$dir/go.out"
  qemu+=(-device "vmgenid,guid=auto" -device virtio-serial-pci -chardev "pipe,id=go,path=$(quote "$dir/go")"
    -device "virtserialport,chardev=go")
  [[ -e $snapshot ]] || make_snapshot
  qemu+=(-incoming "exec:cat '$snapshot'")
  exec 6<>"$dir/go.in"
  date +%s >&6
fi
# A start rarely hangs in the kernel under emulation (seen once): try again, the command has not begun. On a busy host it takes half
# a minute (seen), and then a new one would take no less.
for attempt in 1 2 3; do
  child "${qemu[@]}" >"$dir/qemu" 2>&1
  vm=$!
  end=$((SECONDS + ${VM_START_TIMEOUT:-60}))
  until [[ -e $dir/io/started ]] || ((SECONDS >= end)) || ! kill -0 "$vm" 2>/dev/null; do sleep 0.05; done
  if [[ -e $dir/io/started ]]; then
    end=$((SECONDS + timeout))
    break
  fi
  kill -0 "$vm" 2>/dev/null && ((attempt < 3)) || break
  kill -KILL "$vm"
  wait "$vm" 2>/dev/null || true
  [[ ! $fast ]] || date +%s >&6
done
tails=()
for i in out err; do
  child tail -q -s 0.05 --pid="$vm" -c +1 -f "$dir/io/$i" >&"$((1 + (${#tails[@]})))"
  tails+=("$!")
done
child sleep "$((end > SECONDS ? end - SECONDS : 0))"
wait -n "$vm" "$!" || true
if kill -0 "$vm" 2>/dev/null; then
  stands=$(explain)
  kill -KILL "$vm"
  wait "${tails[@]}" 2>/dev/null || true
  echo "vm: no end within $timeout seconds; $stands" >&2
  exit 124
fi
wait "${tails[@]}" || true
[[ -s $dir/io/status ]] || { tail -n 20 "$dir/qemu" "$dir/console" >&2; fail 'the guest did not start or did not end well'; }
exit "$(<"$dir/io/status")"
