import { statSync } from "node:fs";
import type { Namespace, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { type Json, stringifyExact } from "../cgroup/exact-json.ts";
import { parseJson } from "../spec/parse-json.ts";

const LOOPBACK_INDEX = 1;

function namespaceOf(pid: number | "self"): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/time`).ino;
  } catch {
    return undefined;
  }
}

function namespaces(spec: RuntimeSpec): readonly Namespace[] {
  return spec.linux?.namespaces ?? [];
}

/**
 * The configuration of a container whose init criu has restored: criu puts it into a time namespace, where its clocks go
 * on from what they were, and `exec` has to know of it.
 */
export function restoredConfig(bundle: { readonly config: string; readonly spec: RuntimeSpec }, pid: number): string {
  const isInOurs = namespaceOf(pid) === namespaceOf("self");
  if (isInOurs || namespaces(bundle.spec).some(({ type }) => type === "time")) return bundle.config;
  return withTimeNamespace(bundle.config);
}

/** Pure. */
export function withTimeNamespace(config: string): string {
  const parsed = parseJson(config);
  const { linux, ...rest } = ("value" in parsed ? parsed.value : {}) as { readonly [name: string]: Json };
  const inner = (linux ?? {}) as { readonly [name: string]: Json };
  const list = (inner.namespaces ?? []) as readonly Json[];
  return stringifyExact({ ...rest, linux: { ...inner, namespaces: [...list, { type: "time" }] } });
}

/** A new network namespace has a loopback interface that is down: criu leaves it so, since it restores no interfaces. */
export async function setLoopbackUp(spec: RuntimeSpec, pid: number): Promise<void> {
  if (!namespaces(spec).some(({ type, path }) => type === "network" && !path)) return;
  const [{ NetlinkSocket }, { NetworkNamespace, withNetworkNamespace }, { setLink }] = await Promise.all([
    import("../../linux/netlink/netlink-socket.ts"),
    import("../../linux/netlink/network-namespace.ts"),
    import("../../linux/netlink/link.ts"),
  ]);
  using namespace = NetworkNamespace.ofProcess(pid);
  using socket = withNetworkNamespace(namespace, () => NetlinkSocket.open("route"));
  socket.perform([setLink({ index: LOOPBACK_INDEX }, { isUp: true })]);
}
