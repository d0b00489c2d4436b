/**
 * The one table of what the native helper can do. `native/plan.h` is generated from it (`scripts/generate-plan-header.ts`),
 * so that both languages agree on numbers, fields and their order.
 *
 * Numbers are for ever: a step that goes away leaves a hole. Fields are encoded in the order written here, numbers first.
 * `list` and `bytes` may only come last.
 */
export const STEPS = {
  // Run by the monitor, before there is an init.
  "clone-namespaces": { number: 1, fields: { flags: "number" } },
  "join-namespace": { number: 2, fields: { kind: "number", path: "string" } },
  "join-process": { number: 3, fields: { pid: "number", startTime: "number", kinds: "number" } },
  /** `below`: instead, where `path` takes no process because its controllers are handed down. */
  "enter-cgroup": { number: 4, fields: { version: "number", path: "string", below: "string" } },
  supervise: {
    number: 5,
    fields: {
      terminal: "number",
      openStdin: "number",
      stdinOnce: "number",
      rows: "number",
      columns: "number",
      logMaxSize: "number",
      logMaxFiles: "number",
      logNumber: "number",
      id: "string",
      socketPath: "string",
      exitPath: "string",
      logDirectory: "string",
    },
  },
  // Run by init, while the root is assembled.
  unshare: { number: 6, fields: { flags: "number" } },
  "set-propagation": { number: 7, fields: { flags: "number" } },
  // By the monitor, where a user namespace would be in the way: native/source.c.
  "open-source": {
    number: 8,
    fields: { slot: "number", recursive: "number", propagation: "number", path: "string" },
  },
  "root-overlay": {
    number: 9,
    fields: { legacy: "number", label: "string", upper: "string", work: "string", lower: "list" },
  },
  "root-bind": { number: 10, fields: { propagation: "number", path: "string" } },
  "mount-new": {
    number: 11,
    fields: {
      slot: "number",
      keep: "number",
      copyUp: "number",
      inheritMode: "number",
      attributes: "number",
      propagation: "number",
      type: "string",
      source: "string",
      target: "string",
      options: "list",
    },
  },
  "mount-source": {
    number: 12,
    fields: {
      slot: "number",
      keep: "number",
      set: "number",
      clear: "number",
      implied: "number",
      recursiveSet: "number",
      recursiveClear: "number",
      propagation: "number",
      overProc: "number",
      isProc: "number",
      target: "string",
    },
  },
  "make-directory": { number: 13, fields: { mode: "number", path: "string" } },
  "make-device": {
    number: 14,
    fields: { mode: "number", major: "number", minor: "number", uid: "number", gid: "number", path: "string" },
  },
  "make-link": { number: 15, fields: { replace: "number", path: "string", target: "string" } },
  "open-console": { number: 16, fields: { bind: "number" } },
  "pivot-root": { number: 17, fields: {} },
  sysctl: { number: 18, fields: { path: "string", value: "string" } },
  "set-hostname": { number: 19, fields: { name: "string" } },
  "set-domainname": { number: 20, fields: { name: "string" } },
  "readonly-path": { number: 21, fields: { path: "string" } },
  "mask-path": { number: 22, fields: { label: "string", path: "string" } },
  "readonly-root": { number: 23, fields: {} },
  "root-propagation": { number: 24, fields: { flags: "number" } },
  // Init says READY here and waits for the word to go on.
  barrier: { number: 25, fields: {} },
  // Run by init, making itself into the program.
  rlimit: { number: 26, fields: { resource: "number", soft: "number", hard: "number" } },
  "oom-score": { number: 27, fields: { value: "number" } },
  umask: { number: 28, fields: { mask: "number" } },
  session: { number: 29, fields: { terminal: "number", uid: "number" } },
  "bounding-set": { number: 30, fields: { mask: "number" } },
  "set-user": { number: 31, fields: { uid: "number", gid: "number", groups: "bytes" } },
  "set-capabilities": {
    number: 32,
    fields: { effective: "number", permitted: "number", inheritable: "number", ambient: "number" },
  },
  "no-new-privileges": { number: 33, fields: {} },
  "change-directory": { number: 34, fields: { path: "string" } },
  seccomp: { number: 35, fields: { flags: "number", program: "bytes" } },
  "become-init": { number: 36, fields: { profile: "string", label: "string" } },
  environment: { number: 37, fields: { variables: "list" } },
  execute: { number: 38, fields: { arguments: "list" } },
  // Connected by the monitor; init finds out its number. Between the parts of the message that number stands.
  "seccomp-listener": { number: 105, fields: { path: "string", message: "list" } },
  // Mandatory access control: of what init executes, before the barrier, and Landlock's, at the end.
  "set-attribute": { number: 80, fields: { optional: "number", value: "string", files: "list" } },
  "label-root-of-mount": { number: 81, fields: { magic: "number", label: "string", path: "string" } },
  "landlock-ruleset": { number: 82, fields: { files: "number", network: "number", scope: "number" } },
  "landlock-path": { number: 83, fields: { folderAccess: "number", fileAccess: "number", path: "string" } },
  "landlock-port": { number: 84, fields: { access: "number", port: "number" } },
  "landlock-restrict": { number: 85, fields: {} },
  // More of mounts, run while the root is assembled.
  "change-mount": {
    number: 90,
    fields: { slot: "number", set: "number", clear: "number", propagation: "number" },
  },
  remount: {
    number: 91,
    fields: { superblock: "number", set: "number", clear: "number", target: "string", options: "list" },
  },
  "map-ids": { number: 92, fields: { slot: "number", recursive: "number", users: "string", groups: "string" } },
  "detach-path": { number: 93, fields: { path: "string" } },
  "move-root": { number: 94, fields: {} },
  // Namespaces of users and of time, and what belongs to them.
  /**
   * Run by init's parent: `text`, a line for each range, is written; or `tool` (newuidmap, newgidmap) is given the
   * ranges' numbers. `rootId` is what 0 is on the host: init's pipes become its own.
   */
  "write-id-map": {
    number: 60,
    fields: {
      isGroups: "number",
      denySetgroups: "number",
      rootId: "number",
      tool: "string",
      text: "string",
      ranges: "list",
    },
  },
  "become-root": { number: 61, fields: { keepGroups: "number" } },
  "new-time-namespace": { number: 62, fields: { offsets: "string" } },
  // Attributes of the process.
  "session-keyring": { number: 63, fields: { permissions: "number", name: "string" } },
  scheduler: {
    number: 64,
    fields: {
      policy: "number",
      flags: "number",
      nice: "number",
      priority: "number",
      runtime: "number",
      deadline: "number",
      period: "number",
    },
  },
  "io-priority": { number: 65, fields: { value: "number" } },
  personality: { number: 66, fields: { persona: "number" } },
  "memory-policy": { number: 67, fields: { mode: "number", nodes: "bytes" } },
  /** `early`: on init's parent, while init is made. */
  "cpu-affinity": { number: 68, fields: { early: "number", processors: "bytes" } },
  /**
   * One rtnetlink message, by init's parent (`outside`) or by init. Where `namespaceAt` or `indexAt` is not 0, a
   * descriptor of the network namespace (at `namespacePath`, or init's) or the number of the interface `name` is put there.
   */
  netlink: {
    number: 69,
    fields: {
      outside: "number",
      namespaceAt: "number",
      indexAt: "number",
      namespacePath: "string",
      name: "string",
      message: "bytes",
    },
  },
  /** Run by init's parent: init's number into a file of the host. */
  "write-pid": { number: 70, fields: { path: "string" } },
  // Without a monitor (`gantry runtime`): what the launcher does, in whose place it came.
  launch: {
    number: 39,
    fields: {
      preservedFds: "number",
      foreground: "number",
      awaitsStart: "number",
      subreaper: "number",
      cleanUp: "number",
      rows: "number",
      columns: "number",
      /** Which of the arguments `again` is replaced by the outcome. */
      outcomeAt: "number",
      holdPid: "number",
      /** Init, where it is there already; and its terminal's master, 0 without one. */
      adoptPid: "number",
      adoptMaster: "number",
      folder: "string",
      pidFile: "string",
      consoleSocket: "string",
      stateHead: "string",
      stateTail: "string",
      /** The command that tells and cleans up when something failed. */
      again: "list",
    },
  },
  hook: {
    number: 40,
    fields: {
      kind: "number",
      timeoutMs: "number",
      argumentCount: "number",
      path: "string",
      stateHead: "string",
      stateTail: "string",
      /** Arguments, then variables of the environment. */
      strings: "list",
    },
  },
  "await-hooks": { number: 41, fields: {} },
  "find-program": { number: 42, fields: { name: "string" } },
  "await-start": { number: 43, fields: {} },
} as const satisfies Readonly<Record<string, StepDefinition>>;

export type FieldType = "number" | "string" | "list" | "bytes";

export interface StepDefinition {
  readonly number: number;
  readonly fields: Readonly<Record<string, FieldType>>;
}

/** Version of the encoding; the helper refuses every other. */
export const PLAN_VERSION = 1;
/** The first four bytes of an encoded plan: `GNTP`. */
export const PLAN_MAGIC = 0x50544e47;
/** Bounds that the helper enforces too. */
export const PLAN_LIMITS = { bytes: 8 << 20, steps: 8192, strings: 65536, slots: 512 } as const;

interface FieldValues {
  number: number | bigint;
  string: string;
  list: readonly string[];
  bytes: Uint8Array;
}

export type StepName = keyof typeof STEPS;

type FieldsOf<Name extends StepName> = (typeof STEPS)[Name]["fields"];

/** Fields of a step as the planner writes them. */
export type StepFields<Name extends StepName> = {
  readonly [Field in keyof FieldsOf<Name>]: FieldsOf<Name>[Field] extends FieldType
    ? FieldValues[FieldsOf<Name>[Field]]
    : never;
};

/** One operation of the helper. `cause` says where it comes from, `task` what fails when it fails ("cannot " + task). */
export type PlanStep = {
  [Name in StepName]: { readonly op: Name; readonly cause: string; readonly task: string } & StepFields<Name>;
}[StepName];

/** What the helper does, in order. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  /** What was left out, a sentence each. */
  readonly warnings?: readonly string[];
}
