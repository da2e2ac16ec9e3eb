# What tools/kvm-lab and tools/xen-lab share: an emulated host that runs a job, read by both with `.`.
#   pack JOB SETUP [ARGUMENT...]  makes $work/job.cpio: JOB without its out/ as /job, the shared libraries its programs ask for, and /job/.lab, which does SETUP and runs ./run
#   boot OPTION...                starts Debian's QEMU with these options, waits for the job's end, brings out/ back and exits with the job's status
# In the lab the job's input and output are /dev/ttyS1, and virtio ports take /job/out and the job's status. $work is a folder that goes away at the end.
# Environment: LAB_SECONDS (240), the time limit for the job; LAB_BOOT_SECONDS (120), that for reaching it: then the lab is started again, twice at most.
# QEMU 7.2 may forget an interrupt at the end of a nested guest's run, and its processor then sleeps with a request pending in the local APIC;
# so somebody presses Enter on the console every few seconds, which is an interrupt too.
lab=$(basename "$0")
guests=$(dirname "$(readlink -f "$0")")/../artifacts/guests
limit=${LAB_SECONDS:-240} patience=${LAB_BOOT_SECONDS:-120}
say() { echo "$lab: $*" >&2; }
fail() { say "$*"; exit 125; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pack() {
  [ -f "${1:-}/run" ] || fail "usage: $lab JOB [ARGUMENT...], with a JOB/run"
  job=$(realpath "$1")
  local setup=$2
  shift 2
  mkdir -p "$work/root/job"
  find "$job" -mindepth 1 -maxdepth 1 ! -name out -exec cp -rLt "$work/root/job" {} +
  # Every library that a program of the job asks for, at its own path.
  find "$work/root/job" -type f -perm /100 | while read -r file; do
    [ "$(head -c4 "$file" | tr -d '\0')" != $'\x7fELF' ] || { ldd "$file" 2>/dev/null || true; } | grep -o '/[^ ]*' || true
  done | sort -u | while read -r library; do
    [ -e "$work/root$library" ] || [ ! -f "$library" ] || { mkdir -p "$work/root$(dirname "$library")"; cp -L "$library" "$work/root$library"; }
  done
  cat >"$work/root/job/.lab" <<LAB
mount -t tmpfs tmp /tmp; mkdir -p /dev/shm; ln -s /proc/self/fd /dev/fd
cd /job
$setup
modprobe virtio_pci; modprobe virtio_console
for i in \$(seq 100); do [ -c /dev/vport0p2 ] && break; sleep 0.1; done
exec 9>/dev/vport0p2
echo begun >&9
stty -F /dev/ttyS1 raw -echo
sh ./run $(printf '%q ' "$@") </dev/ttyS1 >/dev/ttyS1 2>&1 9>&-; status=\$?
[ ! -d out ] || tar cf /dev/vport0p1 out || exit
echo \$status >&9
LAB
  (cd "$work/root" && find . | cpio -o -H newc --quiet -R 0:0) >"$work/job.cpio"
  rm -rf "$work/root"
}

# Where the lab's processors are and what they wait for: three looks, so that one that spins differs from one that sleeps.
look() {
  say "what the lab said:"; tail -n 40 "$work/log" | tr -d '\r' >&2
  for _ in 1 2 3; do printf 'info registers -a\ninfo lapic\n'; sleep 0.3; done | socat -T 2 - "unix-connect:$work/monitor" 2>/dev/null | tr -d '\r' | grep -aE '^(CPU#|.IP=|CS =|dumping|LVTT|Timer|ISR|IRR|[RE]IP)' >"$work/looks" || true
  cat "$work/looks" >&2
}

# All of the lab's processors were seen with interrupts off each time: its kernel spins (seen: at a breakpoint that Linux had put into its scheduler while it changed it, see tools/kvm-lab).
stuck() {
  local flags
  for flags in $(grep -oE 'RFL=[0-9a-f]+' "$work/looks" | cut -c5-); do (( (0x$flags & 0x200) == 0 )) || return 1; done
  grep -q RFL= "$work/looks"
}

# Waits for the job to begin ($1 = begun) or to end, for so many seconds; fails when it lasts longer.
within() {
  local end=$((SECONDS + $2))
  while kill -0 "$emulator" 2>/dev/null; do
    [ "$1" != begun ] || [ ! -s "$work/status" ] || return 0
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

end() { { kill -9 "$emulator"; wait "$emulator" || true; } 2>/dev/null; }

boot() {
  mkfifo "$work/console.in" "$work/console.out"
  for attempt in 1 2 3; do
    rm -f "$work"/{status,out.tar,monitor}
    cat "$work/console.out" >"$work/log" &
    qemu-system-x86_64 "$@" -display none -nodefaults -no-reboot -serial "pipe:$work/console" -serial stdio -monitor "unix:$work/monitor,server=on,wait=off" -device virtio-serial-pci \
      -chardev "file,id=out,path=$work/out.tar" -device virtserialport,chardev=out,nr=1 \
      -chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,nr=2 2>"$work/qemu" <&0 &
    emulator=$!
    while kill -0 "$emulator" && sleep 3; do echo; done 2>/dev/null >"$work/console.in" &
    if ! within begun "$patience"; then
      say "it did not come up in $patience s"
      look
      end
    elif [ ! -s "$work/status" ]; then
      say "it ended before the job began"
      cat "$work/qemu" >&2
      look
      [ $attempt != 3 ] || exit 125
    elif within end "$limit"; then
      break
    else
      say "the time limit of $limit s passed"
      look
      end
      stuck || exit 124
    fi
    [ $attempt != 3 ] || exit 124
    say "starting it once more"
  done
  [ ! -s "$work/out.tar" ] || tar -xf "$work/out.tar" -C "$job" --no-same-owner || fail "out/ did not come back whole"
  status=$(tr -dc '0-9' <"$work/status" 2>/dev/null || true)
  [ -z "$status" ] || exit "$status"
  grep -v "TCG doesn't support" "$work/qemu" "$work/log" >&2 || true
  fail "it ended without a result"
}
