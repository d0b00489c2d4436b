import { dirname, join } from "node:path";
import type { CgroupFolder, CgroupHost } from "../../linux/cgroupfs/index.ts";
import type { SystemdSocket } from "../../linux/systemd/systemd-manager.ts";
import type { Cgroup } from "./cgroup.ts";
import { PlainCgroup } from "./plain-cgroup.ts";

export interface OpenCgroupOptions {
  readonly host: CgroupHost;
  /** The container's, which is its group's name where no path is given. */
  readonly id: string;
  /**
   * `linux.cgroupsPath`: absolute, or relative to our own group; `slice:prefix:name` for systemd.
   *
   * @default the id, relative; `system.slice:runc:<id>` (`user.slice` for a user) for systemd
   */
  readonly cgroupsPath?: string;
  /** What `cgroupsPath` meant when the groups were made. @default found anew */
  readonly folders?: readonly CgroupFolder[];
  /** Which of these folders were made for the container. @default not known */
  readonly made?: readonly string[];
  /** @default "plain" */
  readonly driver?: "plain" | "systemd";
  /** Absent: root. A user's systemd is found at its bus (`DBUS_SESSION_BUS_ADDRESS`). */
  readonly rootless?: { readonly uid: number; readonly busAddress?: string };
  /** `org.systemd.property.…` annotations are properties of the unit. @default none */
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A container's control groups, which need not be there yet. Nothing of D-Bus is loaded but for the systemd driver.
 *
 * @throws `invalid-argument` for a path that names no group; `unavailable` when a user's systemd does not answer.
 */
export async function openCgroup(options: OpenCgroupOptions): Promise<Cgroup> {
  const { host, id, rootless } = options;
  const known = {
    ...(options.folders === undefined ? {} : { folders: options.folders }),
    ...(options.made === undefined ? {} : { made: options.made }),
  };
  if (options.driver !== "systemd") {
    return new PlainCgroup({ host, path: options.cgroupsPath || id, isRootless: rootless !== undefined, ...known });
  }
  const [{ SystemdCgroup }, { SYSTEM_SOCKETS }, { parseBusAddress }, { parseUnitAnnotations }] = await Promise.all([
    import("./systemd-cgroup.ts"),
    import("../../linux/systemd/systemd-manager.ts"),
    import("../../linux/dbus/bus-address.ts"),
    import("../../linux/systemd/unit-annotations.ts"),
  ]);
  const bus = rootless?.busAddress ?? `unix:path=/run/user/${rootless?.uid ?? 0}/bus`;
  return await SystemdCgroup.open({
    ...{ host, id, isUser: rootless !== undefined, uid: rootless?.uid ?? 0, ...known },
    ...(options.cgroupsPath ? { cgroupsPath: options.cgroupsPath } : {}),
    sockets: rootless === undefined ? SYSTEM_SOCKETS : userSockets(parseBusAddress(bus)),
    properties: parseUnitAnnotations(options.annotations ?? {}),
  });
}

/** A user's systemd has a socket of its own too, beside the bus. */
function userSockets(bus: string): readonly SystemdSocket[] {
  return [
    { path: join(dirname(bus), "systemd/private"), isBus: false },
    { path: bus, isBus: true },
  ];
}
