const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** Makes sure that a proxy of the environment is not asked for registries on this host: it could not reach them. */
export function keepOffProxies(): void {
  const known = (process.env.NO_PROXY ?? process.env.no_proxy ?? "").split(",").filter((name) => name !== "");
  process.env.NO_PROXY = [...new Set([...known, ...LOOPBACK])].join(",");
}
