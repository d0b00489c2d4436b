/**
 * Where the program begins, from its sources and packaged. `gantry runtime`, which engines call for every step of every container,
 * loads nothing of the rest.
 */
async function begin(): Promise<void> {
  if (process.argv[2] === "runtime") {
    const { runRuntime } = await import("./run-runtime.ts");
    process.exit(await runRuntime(process.argv.slice(3)));
  }
  const { runProcess } = await import("./command-line.ts");
  await runProcess();
}

// No top-level await: bytecode, which halves the start of the packaged program, has none.
void begin();
