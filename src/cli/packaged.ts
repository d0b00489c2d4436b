/**
 * Where the packaged program begins. `gantry runtime`, which engines call for every step of every container, loads nothing of the
 * rest; otherwise this is main.ts.
 */
async function begin(): Promise<void> {
  if (process.argv[2] === "runtime") {
    const { runRuntime } = await import("./run-runtime.ts");
    process.exit(await runRuntime(process.argv.slice(3)));
  }
  const { runProcess } = await import("./main.ts");
  await runProcess();
}

void begin();
