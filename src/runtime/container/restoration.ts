import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { keepCgroupOptions } from "../../linux/mount/keep-cgroup-options.ts";
import { PrivateMounts } from "../../linux/mount/private-mounts.ts";
import { readStartTime } from "../../platform/process-identity.ts";
import { cgroupOwner } from "../cgroup/cgroup-owner.ts";
import type { RestoreFlags } from "../criu/checkpoint-flags.ts";
import { criuFailure } from "../criu/criu-failure.ts";
import { type CriuNotification, CriuProcess } from "../criu/criu-process.ts";
import { externalPlaces } from "../criu/external-mounts.ts";
import { freshLog } from "../criu/fresh-log.ts";
import { makeNullDevice } from "../criu/make-null-device.ts";
import { hasUserNamespace, openFolders } from "../criu/open-folders.ts";
import { NULL_DEVICE } from "../criu/plan-dump.ts";
import { parseCgroupRoots, planJoined, planRestore, RESTORE_LOG } from "../criu/plan-restore.ts";
import { prepareRoot } from "../criu/prepare-root.ts";
import type { ConsoleReceiver } from "./console-receiver.ts";
import { withDefaultDevices } from "./create-container.ts";
import { createIntelRdt } from "./intel-rdt.ts";
import type { OpenContainer } from "./open-container.ts";
import type { Bundle } from "./read-bundle.ts";
import { setLoopbackUp } from "./restored-namespaces.ts";
import { hookInput, runHook } from "./run-hooks.ts";
import { readDescriptors } from "./stream-descriptors.ts";

export interface RestorationOptions {
  readonly container: OpenContainer;
  readonly console: ConsoleReceiver;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The groups are there: which of them were made is to be written down. */
  made(folders: readonly string[]): void;
  /** Init is there, and waits: what is known of it is to be written down. */
  known(pid: number): void;
}

/** A container that criu makes: from an empty state to processes that run. */
export class Restoration {
  readonly #bundle: Bundle;
  readonly #flags: RestoreFlags;
  readonly #options: RestorationOptions;
  #hasGroups = false;
  #pid = 0;

  constructor(bundle: Bundle, flags: RestoreFlags, options: RestorationOptions) {
    this.#bundle = bundle;
    this.#flags = flags;
    this.#options = options;
  }

  /** The control groups are this container's: until then they may be another's. */
  get hasGroups(): boolean {
    return this.#hasGroups;
  }

  /** @returns the number of init, a child of ours. */
  async run(): Promise<number> {
    const { spec, path } = this.#bundle;
    const { state, cgroup } = this.#options.container;
    const descriptors = readDescriptors(this.#flags.imagePath);
    const hasUsers = hasUserNamespace(spec);
    using namespaces = openNamespaces(spec);
    using mounts = PrivateMounts.enter();
    using _options = keepCgroupOptions();
    // Opened inside: criu mounts below its working folder, which has to be one of its own namespace.
    using folders = openFolders(this.#flags, { makesImages: false, hasUsers });
    using root = this.#makeFolder("criu-root", mounts);
    const resolved = prepareRoot(this.#bundle, root.path, mounts);
    using device = this.#makeFolder("criu-null", mounts);
    // Root of a user namespace cannot change the host's, nor reach ours.
    const nullDevice = hasUsers ? NULL_DEVICE : makeNullDevice(device.path, mounts);
    await using criu = await CriuProcess.start({
      environment: this.#options.environment,
      sharesStreams: spec.process?.terminal !== true,
      inherit: namespaces.descriptors,
    });
    await this.#enterGroups(criu.pid);
    const options = planRestore(spec, this.#flags, {
      ...folders,
      root: root.path,
      places: externalPlaces(spec, { bundle: path, cgroups: cgroup.folders }),
      resolved,
      nullDevice,
      cgroupRoots: parseCgroupRoots(readFileSync(`/proc/${criu.pid}/cgroup`, "utf8")),
      descriptors,
    });
    const log = freshLog(folders.logFolder, RESTORE_LOG);
    const answer = await criu.ask({ type: "restore", options }, (...told) => this.#listen(mounts, ...told));
    if (!answer.isSuccess) throw criuFailure(`restore container "${state.id}"`, answer, log);
    return this.#pid;
  }

  /** A folder to mount on, of the state's. */
  #makeFolder(name: string, mounts: PrivateMounts): Disposable & { readonly path: string } {
    const path = join(this.#options.container.state.folder, name);
    mkdirSync(path, { mode: 0o700 });
    return {
      path,
      [Symbol.dispose]: () => {
        mounts.detach(path);
        rmdirSync(path);
      },
    };
  }

  /** What criu makes is where criu is. */
  async #enterGroups(pid: number): Promise<void> {
    const { spec } = this.#bundle;
    const { state, cgroup } = this.#options.container;
    const owner = cgroupOwner(spec);
    await cgroup.create(withDefaultDevices(spec.linux?.resources), {
      pid,
      ...(owner === undefined ? {} : { ownerUid: owner }),
    });
    this.#hasGroups = true;
    this.#options.made(cgroup.made ?? []);
    cgroup.recorded();
    const groups = cgroup.folders.map((folder) => join(folder.path, "cgroup.procs"));
    for (const file of [...groups, ...createIntelRdt(spec, { id: state.id })])
      writeFileSync(file, String(pid), { flag: "r+" });
  }

  async #listen(mounts: PrivateMounts, { name, pid }: CriuNotification, descriptors: readonly number[]): Promise<void> {
    const [first, ...others] = descriptors;
    if (name === "orphan-pts-master" && first !== undefined) this.#options.console.take(first);
    else if (first !== undefined) closeSync(first);
    for (const fd of others) closeSync(fd);
    if (name === "setup-namespaces") await mounts.outside(() => this.#setUp(pid));
    if (name === "post-restore") {
      this.#pid = pid;
      this.#options.known(pid);
    }
  }

  /** All namespaces are there, and no process runs yet (runc runs the same hooks here, in the mount namespace it was called in). */
  async #setUp(pid: number): Promise<void> {
    const { spec } = this.#bundle;
    await setLoopbackUp(spec, pid);
    const init = { pid, startTime: readStartTime(pid) ?? 0 };
    const input = hookInput({ ...this.#options.container.state, init }, "creating");
    for (const kind of ["prestart", "createRuntime"] as const)
      for (const [index, hook] of (spec.hooks?.[kind] ?? []).entries())
        await runHook(hook, `hooks.${kind}[${index}]`, input);
  }
}

function openNamespaces(spec: Bundle["spec"]): Disposable & { readonly descriptors: readonly number[] } {
  const descriptors: number[] = [];
  const close = (): void => {
    for (const fd of descriptors) closeSync(fd);
  };
  for (const { type, path } of planJoined(spec).inherited)
    try {
      descriptors.push(openSync(path, "r"));
    } catch (error) {
      close();
      throw new GantryError("not-found", `cannot open the ${type} namespace ${path}`, { cause: error });
    }
  return { descriptors, [Symbol.dispose]: close };
}
