import type { SignalName, Terminal } from "../terminal.ts";

/**
 * Signals that are handed on to the container. Not among them: those that cannot be caught, those about our own
 * children, terminal and pipes, and faults of our own.
 */
const PROXIED_SIGNALS: readonly SignalName[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGTSTP",
];

/** Sends the signals that we get to the container, in their order, until disposed of. */
export function proxySignals(terminal: Terminal, kill: (name: SignalName) => Promise<void>): Disposable {
  let last = Promise.resolve();
  return terminal.onSignals(PROXIED_SIGNALS, (name) => {
    // A container that does not run yet, or no more, does not take it; Docker lets that pass too.
    last = last.then(() => kill(name)).catch(() => {});
  });
}
