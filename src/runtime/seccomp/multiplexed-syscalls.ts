/**
 * The calls that 32-bit x86 makes through `socketcall` and `ipc`, by the number that those take as first argument
 * (kernel: include/uapi/linux/net.h, include/uapi/linux/ipc.h). Most of them have a number of their own too, since 4.3.
 */
const SOCKETCALLS: Readonly<Record<string, number>> = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  socketpair: 8,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  shutdown: 13,
  setsockopt: 14,
  getsockopt: 15,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
};

const IPC_CALLS: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

/** How `name` can be called through another call on 32-bit x86, or undefined when it cannot. */
export function findMultiplexer(
  name: string,
): { readonly through: "socketcall" | "ipc"; readonly number: number; readonly mask: bigint } | undefined {
  if (Object.hasOwn(SOCKETCALLS, name)) {
    return { through: "socketcall", number: SOCKETCALLS[name] ?? 0, mask: 0xffff_ffffn };
  }
  // The high half of ipc's first argument is a version that the kernel takes off (ipc/syscall.c).
  if (Object.hasOwn(IPC_CALLS, name)) return { through: "ipc", number: IPC_CALLS[name] ?? 0, mask: 0xffffn };
  return undefined;
}
