#!/usr/bin/env bash
# Builds the guest's kernel, initramfs and root images in the cache; does nothing when they are up to date.
# To add a package of the guest put it in `packages`, a kernel module's folder in `module_dirs`: what changed is built anew.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gantry-vm}
suite=bookworm
packages=(
  apparmor apparmor-utils policycoreutils selinux-utils secilc attr
  systemd dbus runc criu uidmap libcap2-bin busybox-static gcc libc6-dev
  iproute2 iptables nftables iputils-ping socat curl ca-certificates
  procps psmisc kmod strace jq python3-minimal e2fsprogs bpftool zstd bsdutils
)
# What the guest loads before its root file system is mounted, and where its other modules come from.
boot_modules=(virtio_pci virtio_blk virtio_net ext4 9p 9pnet_virtio overlay)
module_dirs=(arch block crypto fs lib mm net security drivers/{block,char,virtio,net,bus})

log() { echo "vm: $*" >&2; }
key_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
fresh() { [[ -e $cache/$1.key && $(<"$cache/$1.key") == "$2" ]]; }

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Unpacks Debian's kernel package and takes the plain ELF kernel out of it: the guest then need not decompress it.
build_kernel() {
  log "kernel"
  local package image start length dir
  package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ && !n++ {print $2}')
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$package")
  dpkg -x "$work/$package"_*.deb "$work/kernel"
  image=$(echo "$work"/kernel/boot/vmlinuz-*)
  field() { od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '; }
  start=$((($(field 497 1) + 1) * 512 + $(field 584 4)))
  length=$(field 588 4)
  mkdir -p "$work/out"
  head -c "$((start + length - 4))" "$image" | tail -c "$((length - 4))" | xz -dc >"$work/out/vmlinux"
  local version=${image##*/vmlinuz-} from
  from=$work/kernel/lib/modules/$version
  for dir in "${module_dirs[@]}"; do
    [[ -d $from/kernel/$dir ]] || continue
    mkdir -p "$work/out/lib/modules/$version/kernel/$dir"
    cp -a "$from/kernel/$dir/." "$work/out/lib/modules/$version/kernel/$dir"
  done
  rm -rf "$work/out/lib/modules/$version"/kernel/drivers/net/{wireless,ethernet,usb,phy,can,fddi,hamradio,wan,dsa,arcnet}
  cp "$from"/modules.{builtin,builtin.modinfo,order} "$work/out/lib/modules/$version"
  depmod -b "$work/out" "$version" 2>/dev/null
  rm -rf "$cache/kernel"
  mv "$work/out" "$cache/kernel"
}

build_base() {
  log "base system (debootstrap)"
  local mirror list
  # shellcheck disable=SC2016  # the format is apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" | sed -n 1p)
  list=$(IFS=,; echo "${packages[*]}")
  debootstrap --variant=minbase "--include=$list" "$suite" "$work/base" ${mirror:+"$mirror"} >"$cache/debootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
  rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
  rm -rf "$cache/base"
  mv "$work/base" "$cache/base"
}

build_images() {
  log "root images"
  cp -a "$cache/base" "$work/root"
  rm -rf "$work/root/lib/modules" && cp -a "$cache/kernel/lib/modules" "$work/root/lib/modules"
  mkdir -p "$work/root/host" "$work/root/etc/selinux/mini/"{policy,contexts/files}
  printf 'nameserver 10.98.0.1\n' >"$work/root/etc/resolv.conf"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$work/root/etc/hosts"
  image "$work/root" root.img
  printf 'SELINUX=enforcing\nSELINUXTYPE=mini\n' >"$work/root/etc/selinux/config"
  local selinux=etc/selinux/mini
  cp "$here/guest/file_contexts" "$work/root/$selinux/contexts/files/file_contexts"
  cp "$here/guest/lxc_contexts" "$work/root/$selinux/contexts/lxc_contexts"
  {
    cat "$here/guest/selinux.cil"
    seq -f '(category c%g)' 0 1023
    echo "(categoryorder ($(seq -s ' ' -f 'c%g' 0 1023)))"
  } >"$work/root/$selinux/policy.cil"
  chroot "$work/root" secilc -M 1 -c 33 -o "/$selinux/policy/policy.33" -f /dev/null "/$selinux/policy.cil"
  chroot "$work/root" setfiles -F -c "/$selinux/policy/policy.33" "/$selinux/contexts/files/file_contexts"
  # shellcheck disable=SC2016
  unshare -m sh -c 'mount -t proc proc "$1/proc" && chroot "$1" setfiles -F "$2" /' - \
    "$work/root" "/$selinux/contexts/files/file_contexts"
  image "$work/root" root-selinux.img
}

image() {
  mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,root_owner=0:0 -m 0 -d "$1" "$work/image" 12G >/dev/null
  mv "$work/image" "$cache/$2"
}

build_initramfs() {
  log "initramfs"
  local version dir=$work/initramfs
  version=$(ls "$cache/kernel/lib/modules")
  mkdir -p "$dir"/{bin,dev,proc,sys,root,modules}
  cp /bin/busybox "$dir/bin/busybox"
  cp "$here/guest/init" "$here/guest/start" "$dir/"
  modprobe -d "$cache/kernel" -S "$version" -a --show-depends "${boot_modules[@]}" | awk '!seen[$2]++ {print $2}' |
    while read -r module; do
      cp "$module" "$dir/modules/"
      basename "$module" >>"$dir/modules/list"
    done
  (cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs.cpio"
  mv "$work/initramfs.cpio" "$cache/initramfs.cpio"
}

# stage NAME FUNCTION KEY: runs FUNCTION unless NAME was built with the same key.
stage() {
  fresh "$1" "$3" && return
  rm -rf "$cache/$1.key" "$cache/fast"
  "$2"
  echo "$3" >"$cache/$1.key"
}
kernel_key=$(key_of <(declare -f build_kernel) <(echo "${module_dirs[@]}"))
base_key=$(key_of <(declare -f build_base) <(echo "$suite" "${packages[@]}"))
stage kernel build_kernel "$kernel_key"
stage base build_base "$base_key"
stage images build_images "$(key_of <(declare -f build_images image) "$here"/guest/{selinux.cil,file_contexts,lxc_contexts} <(echo "$kernel_key" "$base_key"))"
stage initramfs build_initramfs "$(key_of <(declare -f build_initramfs) "$here"/guest/{init,start} <(echo "$kernel_key" "${boot_modules[@]}"))"
