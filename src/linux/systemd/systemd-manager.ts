import { GantryError } from "../../errors/gantry-error.ts";
import { DbusConnection, DbusError } from "../dbus/dbus-connection.ts";
import type { DbusValue, Variant } from "../dbus/dbus-value.ts";
import type { UnitProperty } from "./unit-property.ts";

const SYSTEMD = "org.freedesktop.systemd1";
const MANAGER = { destination: SYSTEMD, path: "/org/freedesktop/systemd1", interface: `${SYSTEMD}.Manager` };
const JOB_TIMEOUT_MS = 30_000;

/** Where a systemd listens: its own socket needs no bus and no match rules. */
export interface SystemdSocket {
  readonly path: string;
  readonly isBus: boolean;
}

export const SYSTEM_SOCKETS: readonly SystemdSocket[] = [
  { path: "/run/systemd/private", isBus: false },
  { path: "/run/dbus/system_bus_socket", isBus: true },
];

/** A running systemd: of the system, or of a user. */
export class SystemdManager implements Disposable {
  readonly #connection: DbusConnection;
  /** 252; 0 when it does not say a number. */
  readonly version: number;

  private constructor(connection: DbusConnection, version: number) {
    this.#connection = connection;
    this.version = version;
  }

  /**
   * Connects to the first socket that answers.
   *
   * @throws `unavailable` when none does.
   */
  static async connect(sockets: readonly SystemdSocket[], options: { readonly uid: number }): Promise<SystemdManager> {
    let failure: unknown;
    for (const { path, isBus } of sockets) {
      try {
        const connection = await DbusConnection.connect(path, { uid: options.uid, isBus });
        try {
          if (isBus) await listenOnBus(connection);
          return new SystemdManager(connection, versionOf(await property(connection, "Version")));
        } catch (error) {
          connection.close();
          throw error;
        }
      } catch (error) {
        failure ??= error;
      }
    }
    throw new GantryError("unavailable", "cannot reach systemd", {
      cause: failure,
      hint: `is it process 1? Tried ${sockets.map(({ path }) => path).join(" and ")}`,
    });
  }

  /** The group that this systemd's units are in: `/` for the system's. */
  async controlGroup(): Promise<string> {
    const value = await property(this.#connection, "ControlGroup");
    return typeof value === "string" && value !== "" ? value : "/";
  }

  /**
   * Makes a unit and waits until it is there. A failed one of the same name is cleared away first.
   *
   * @throws `already-exists` when the unit is in use; `internal` when systemd cannot start it.
   */
  async startTransientUnit(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    const start = (): Promise<string> =>
      this.#job("StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "replace", properties as DbusValue, []]);
    let result: string;
    try {
      result = await start().catch(async (error) => {
        if (!isNamed(error, "UnitExists")) throw error;
        await this.resetFailedUnit(unit);
        return await start();
      });
    } catch (error) {
      throw explain(error, `start the unit ${unit}`);
    }
    if (result === "done") return;
    await this.resetFailedUnit(unit);
    throw new GantryError("internal", `systemd did not start the unit ${unit}: ${result}`);
  }

  /** Until the unit goes or the machine does: nothing is written to disk. */
  async setUnitProperties(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    try {
      await this.#call("SetUnitProperties", "sba(sv)", [unit, true, properties as DbusValue]);
    } catch (error) {
      throw explain(error, `change the unit ${unit}`);
    }
  }

  /** Stops a unit, its processes included, and forgets it. Idempotent. */
  async stopUnit(unit: string): Promise<void> {
    try {
      await this.#job("StopUnit", "ss", [unit, "replace"]);
    } catch (error) {
      if (!isNamed(error, "NoSuchUnit")) throw explain(error, `stop the unit ${unit}`);
    }
    await this.resetFailedUnit(unit);
  }

  /** What a unit says of itself; undefined for one that is not loaded. */
  async unitDescription(unit: string): Promise<string | undefined> {
    try {
      const [path] = await this.#call("GetUnit", "s", [unit]);
      const object = { path: String(path), interface: `${SYSTEMD}.Unit` };
      const value = await property(this.#connection, "Description", object);
      return typeof value === "string" ? value : undefined;
    } catch (error) {
      if (isNamed(error, "NoSuchUnit")) return undefined;
      throw explain(error, `look at the unit ${unit}`);
    }
  }

  /** Lets systemd forget a unit that failed; another is left as it is. */
  async resetFailedUnit(unit: string): Promise<void> {
    try {
      await this.#call("ResetFailedUnit", "s", [unit]);
    } catch (error) {
      if (!(error instanceof DbusError)) throw error;
    }
  }

  /** Moves processes into a unit, for who may not write in the groups between. @param group below the unit's, `/` for it. */
  async attachProcesses(unit: string, pids: readonly number[], group = "/"): Promise<void> {
    try {
      await this.#call("AttachProcessesToUnit", "ssau", [unit, group, pids]);
    } catch (error) {
      throw explain(error, `move processes into the unit ${unit}`);
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  #call(member: string, signature: string, body: readonly DbusValue[]): Promise<readonly DbusValue[]> {
    return this.#connection.call({ ...MANAGER, member, signature, body });
  }

  /** Calls what makes a job, and returns how that ended. Its end may be told before its number is. */
  async #job(member: string, signature: string, body: readonly DbusValue[]): Promise<string> {
    const ended = new Map<string, string>();
    let told: (() => void) | undefined;
    const stop = this.#connection.onSignal(({ member, body: [, job, , result] }) => {
      if (member !== "JobRemoved" || typeof job !== "string" || typeof result !== "string") return;
      ended.set(job, result);
      told?.();
    });
    try {
      const [job] = await this.#call(member, signature, body);
      const deadline = performance.now() + JOB_TIMEOUT_MS;
      for (;;) {
        const result = ended.get(String(job));
        if (result !== undefined) return result;
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) throw new GantryError("unavailable", `systemd does not end its job for ${body[0]}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          told = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      stop();
    }
  }
}

async function listenOnBus(connection: DbusConnection): Promise<void> {
  const bus = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };
  const rule = `type='signal',sender='${SYSTEMD}',interface='${MANAGER.interface}',member='JobRemoved'`;
  await connection.call({ ...bus, member: "AddMatch", signature: "s", body: [rule] });
  await connection.call({ ...MANAGER, member: "Subscribe" });
}

async function property(
  connection: DbusConnection,
  name: string,
  object: { readonly path: string; readonly interface: string } = MANAGER,
): Promise<DbusValue | undefined> {
  const [value] = await connection.call({
    destination: SYSTEMD,
    path: object.path,
    interface: "org.freedesktop.DBus.Properties",
    member: "Get",
    signature: "ss",
    body: [object.interface, name],
  });
  return (value as Variant | undefined)?.value;
}

/** `v245.4-1.fc32`, `252 (252.38-1~deb12u1)`. */
export function versionOf(text: DbusValue | undefined): number {
  return Number(/^v?(\d+)/.exec(typeof text === "string" ? text : "")?.[1] ?? 0);
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof DbusError && error.dbusName === `${SYSTEMD}.${name}`;
}

function explain(error: unknown, task: string): unknown {
  if (!(error instanceof DbusError)) return error;
  const code = isNamed(error, "UnitExists")
    ? "already-exists"
    : /AccessDenied|AuthFailed|InteractiveAuthorizationRequired/.test(error.dbusName)
      ? "permission-denied"
      : /InvalidArgs|PropertyReadOnly|UnknownProperty/.test(error.dbusName)
        ? "invalid-argument"
        : "internal";
  return new GantryError(code, `systemd cannot ${task}: ${error.message}`, { cause: error });
}
