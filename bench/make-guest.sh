#!/bin/bash
# make-guest.sh [DIR]: builds the benchmark guest from Debian packages: DIR/vmlinuz (cloud kernel), DIR/initrd.gz (busybox, a few
# modules, zbench64, zbench32 (x87), zbench32sse), and DIR/zbench64 for native runs.
# Needs Debian 12 and apt; as root it installs gcc, gcc-multilib, cpio and kmod if they are missing.
set -eu
HERE=$(dirname "$(readlink -f "$0")"); OUT=${1:-${BENCH_DIR:-$HERE/../artifacts/bench-guest}}; mkdir -p "$OUT/deb"; cd "$OUT"; PATH=$PATH:/usr/sbin:/sbin
die() { [ ! -s apt.log ] || tail -n 40 apt.log >&2; echo "make-guest: $*" >&2; exit 1; }
miss=; for p in gcc=gcc cpio=cpio depmod=kmod; do command -v ${p%=*} >/dev/null || miss="$miss ${p#*=}"; done
[ -e "$(gcc -m32 -print-file-name=libc.a 2>/dev/null)" ] || miss="$miss gcc-multilib"
rm -f apt.log
if [ -n "$miss" ]; then
  [ "$(id -u)" = 0 ] || die "missing, as root: apt-get install$miss"
  install() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $miss; }
  { install || { apt-get -qq update; install; }; } </dev/null >apt.log 2>&1 || die "could not install$miss"
fi
if [ ! -d deb/b ]; then
  named() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/{print $2; exit}'; }
  download() { rm -rf deb; mkdir deb; (cd deb && apt-get -qq download "$(named)" busybox-static) >apt.log 2>&1; }
  [ -n "$(named)" ] && download || { apt-get -qq update >/dev/null 2>&1; download; } || die "could not download the kernel and busybox"
  dpkg-deb -x deb/linux-image-*.deb deb/k; dpkg-deb -x deb/busybox-static_*.deb deb/b
fi
rm -f apt.log
KV=$(ls deb/k/lib/modules); cp deb/k/boot/vmlinuz-$KV vmlinuz
CF="-O2 -static -w"
gcc $CF -o zbench64 "$HERE/guest/zbench.c" -lm
gcc -m32 -march=i686 -mno-sse -mfpmath=387 -D_FILE_OFFSET_BITS=64 $CF -o zbench32 "$HERE/guest/zbench.c" -lm
gcc -m32 -march=pentium4 -msse2 -mfpmath=sse -D_FILE_OFFSET_BITS=64 $CF -o zbench32sse "$HERE/guest/zbench.c" -lm
R=root; rm -rf $R; mkdir -p $R/{bin,zoo,etc,proc,sys,dev,tmp,mnt,lib/modules/$KV}
cp deb/b/bin/busybox $R/bin/; cp "$HERE/guest/init" $R/init; cp "$HERE/guest/bench-in-guest" $R/zoo/bench; cp zbench64 zbench32 zbench32sse $R/zoo/; chmod +x $R/init $R/zoo/*
[ -f deb/k/lib/modules/$KV/modules.dep ] || depmod -b deb/k $KV
want="virtio_pci virtio_blk virtio_net ata_piix ata_generic sd_mod sr_mod qemu_fw_cfg ext4"
for m in $want; do awk -F: -v m="$(echo $m | tr _ -)" '{n=$1; sub(/.*\//,"",n); sub(/\.ko.*/,"",n); gsub("_","-",n); if (n==m) print $1" "$2}' deb/k/lib/modules/$KV/modules.dep; done | tr ' ' '\n' | sort -u | grep . |
  while read f; do mkdir -p $R/lib/modules/$KV/$(dirname $f); cp deb/k/lib/modules/$KV/$f $R/lib/modules/$KV/$f; done
cp deb/k/lib/modules/$KV/modules.{builtin,order} $R/lib/modules/$KV/; depmod -b $R $KV
(cd $R; find . | LC_ALL=C sort | cpio --quiet -R 0:0 -o -H newc | gzip -n -6) > initrd.gz; ls -l vmlinuz initrd.gz
