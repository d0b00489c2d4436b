/** A process that does nothing, for a systemd unit that would end without one. */
export interface HoldProcess extends Disposable {
  readonly pid: number;
}

/**
 * Starts a process that lives until it is disposed of, or the calling thread ends. It outlives an `execve` of the caller:
 * so a container's first process can enter the unit after a helper took our place.
 *
 * @param helper the native helper's path.
 */
export async function holdProcess(helper: string): Promise<HoldProcess> {
  // For systemd alone.
  const { spawn } = await import("node:child_process");
  const child = spawn(helper, ["hold", String(process.pid)], { stdio: "ignore" });
  child.unref();
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return {
    pid: child.pid ?? 0,
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
