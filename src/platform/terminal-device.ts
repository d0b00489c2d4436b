import { SYS, syscall } from "./libc.ts";

// ioctl(2) numbers and the kernel's `struct termios` of asm-generic, the same on x86-64 and arm64.
const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
const TERMIOS_BYTES = 36;
const OFFSET = { input: 0, output: 4, control: 8, local: 12, characters: 17 } as const;
const INPUT_FLAGS_OFF = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
const OUTPUT_FLAGS_OFF = 0o1; // OPOST
const LOCAL_FLAGS_OFF = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000; // ISIG ICANON ECHO ECHONL IEXTEN
const CONTROL_SIZE_MASK = 0o60;
const CONTROL_PARITY = 0o400;
const CONTROL_EIGHT_BITS = 0o60;
const VTIME = 5;
const VMIN = 6;

/** True if a terminal is behind `fd` (isatty(3)); without the modules that node:tty loads. */
export function isTerminalDevice(fd: number): boolean {
  return syscall(SYS.ioctl, fd, TCGETS, new Uint8Array(TERMIOS_BYTES)) >= 0;
}

/** The columns and rows of a terminal. */
export interface WindowSize {
  readonly width: number;
  readonly height: number;
}

/** The size of the terminal behind `fd`; `undefined` if there is none, or it has no size. */
export function terminalSize(fd: number): WindowSize | undefined {
  const size = new Uint16Array(4);
  if (syscall(SYS.ioctl, fd, TIOCGWINSZ, size) < 0) return undefined;
  const [height = 0, width = 0] = size;
  return width === 0 || height === 0 ? undefined : { width, height };
}

/**
 * Sets the terminal behind `fd` to raw mode, as cfmakeraw(3) does. Disposing gives it back its former state; once.
 *
 * @returns `undefined` if there is no terminal.
 */
export function setRawMode(fd: number): Disposable | undefined {
  const before = new Uint8Array(TERMIOS_BYTES);
  if (syscall(SYS.ioctl, fd, TCGETS, before) < 0) return undefined;
  const raw = before.slice();
  const view = new DataView(raw.buffer);
  const clear = (offset: number, flags: number) =>
    view.setUint32(offset, (view.getUint32(offset, true) & ~flags) >>> 0, true);
  clear(OFFSET.input, INPUT_FLAGS_OFF);
  clear(OFFSET.output, OUTPUT_FLAGS_OFF);
  clear(OFFSET.local, LOCAL_FLAGS_OFF);
  clear(OFFSET.control, CONTROL_SIZE_MASK | CONTROL_PARITY);
  view.setUint32(OFFSET.control, (view.getUint32(OFFSET.control, true) | CONTROL_EIGHT_BITS) >>> 0, true);
  raw[OFFSET.characters + VMIN] = 1;
  raw[OFFSET.characters + VTIME] = 0;
  if (syscall(SYS.ioctl, fd, TCSETS, raw) < 0) return undefined;
  let isRestored = false;
  return {
    [Symbol.dispose]() {
      if (isRestored) return;
      isRestored = true;
      syscall(SYS.ioctl, fd, TCSETS, before);
    },
  };
}
