/**
 * Arguments that the kernel takes as `int` or `unsigned int`, though a register has 64 bits: of these it looks at the
 * low half alone, so a filter must too. Otherwise a caller gets around a rule by setting a high bit that nobody reads:
 * CVE-2019-10063 (flatpak) and CVE-2019-7303 (snapd) passed `ioctl(fd, TIOCSTI | 1 << 32)`, and under Docker's rules
 * `socket(AF_ALG | 1 << 32, …)` is "greater than 40".
 *
 * Listed by system call (kernel: the SYSCALL_DEFINE lines); libseccomp leaves this to the author of the profile.
 */
const NARROW_ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  accept4: [0, 3],
  bpf: [0, 2],
  fanotify_init: [0, 1],
  fanotify_mark: [0, 1, 3],
  fcntl: [0, 1],
  fsconfig: [0, 1, 4],
  fsmount: [0, 1, 2],
  fsopen: [1],
  futex: [1, 2, 5],
  getpriority: [0, 1],
  io_uring_enter: [0, 1, 2, 3],
  io_uring_register: [0, 1, 3],
  io_uring_setup: [0],
  ioctl: [0, 1],
  iopl: [0],
  ioprio_set: [0, 1, 2],
  keyctl: [0],
  kcmp: [0, 1, 2],
  kill: [0, 1],
  madvise: [2],
  memfd_create: [1],
  mlockall: [0],
  open_tree: [0, 2],
  openat: [0, 2],
  perf_event_open: [1, 2, 3],
  personality: [0],
  pidfd_open: [0, 1],
  pidfd_send_signal: [0, 1, 3],
  prctl: [0],
  prlimit64: [0, 1],
  process_madvise: [0, 3, 4],
  quotactl: [0, 2],
  reboot: [0, 1, 2],
  sched_setscheduler: [0, 1],
  seccomp: [0, 1],
  sendmsg: [0, 2],
  setns: [0, 1],
  setpriority: [0, 1, 2],
  setsockopt: [0, 1, 2, 4],
  socket: [0, 1, 2],
  socketpair: [0, 1, 2],
  syslog: [0, 2],
  tgkill: [0, 1, 2],
  tkill: [0, 1],
  umount2: [1],
  unlinkat: [0, 2],
};

/** True if the kernel reads only the low 32 bits of argument `index` of the call `name`. */
export function isNarrowArgument(name: string, index: number): boolean {
  return Object.hasOwn(NARROW_ARGUMENTS, name) && NARROW_ARGUMENTS[name]?.includes(index) === true;
}
