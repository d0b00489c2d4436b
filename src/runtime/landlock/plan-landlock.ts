import { GantryError } from "../../errors/gantry-error.ts";
import type { PlanStep } from "../plan/steps.ts";
import { LANDLOCK_PREFIX, type LandlockRules, parseLandlock } from "./parse-landlock.ts";

/** Rights of include/uapi/linux/landlock.h, with the version of the interface that brought them. */
const FILE_RIGHTS = {
  execute: { bit: 0, abi: 1 },
  writeFile: { bit: 1, abi: 1 },
  readFile: { bit: 2, abi: 1 },
  readFolder: { bit: 3, abi: 1 },
  removeFolder: { bit: 4, abi: 1 },
  removeFile: { bit: 5, abi: 1 },
  makeCharacterDevice: { bit: 6, abi: 1 },
  makeFolder: { bit: 7, abi: 1 },
  makeFile: { bit: 8, abi: 1 },
  makeSocket: { bit: 9, abi: 1 },
  makePipe: { bit: 10, abi: 1 },
  makeBlockDevice: { bit: 11, abi: 1 },
  makeLink: { bit: 12, abi: 1 },
  moveOrLink: { bit: 13, abi: 2 },
  truncate: { bit: 14, abi: 3 },
  controlDevice: { bit: 15, abi: 5 },
} as const;

type FileRight = keyof typeof FILE_RIGHTS;

const ALL = Object.keys(FILE_RIGHTS) as FileRight[];
/** A program is read too: its libraries are, and a script by its interpreter. */
const GRANTS: Readonly<Record<"read" | "write" | "execute", readonly FileRight[]>> = {
  read: ["readFile", "readFolder"],
  execute: ["execute", "readFile", "readFolder"],
  write: ALL.filter((right) => !["execute", "readFile", "readFolder"].includes(right)),
};
/** Those that a file can have which is no folder. */
const OF_FILES: readonly FileRight[] = ["execute", "writeFile", "readFile", "truncate", "controlDevice"];

const NETWORK = { bindPorts: { bit: 0, name: "tcp.bind" }, connectPorts: { bit: 1, name: "tcp.connect" } } as const;
const SCOPE_BITS = { "abstract-unix-socket": 0, signal: 1 } as const;

/** From which version of the interface on all of a kind is restricted, and the first Linux with it. */
const NEEDS = {
  files: { abi: 5, linux: "6.10" },
  network: { abi: 4, linux: "6.7" },
  scope: { abi: 6, linux: "6.12" },
} as const;

/** Landlock's steps: what is allowed, looked up while init may still open everything; then the restriction itself. */
export interface LandlockSteps {
  readonly rules: readonly PlanStep[];
  readonly restrict: readonly PlanStep[];
}

/**
 * Plans what the annotations `org.gantry.landlock.*` ask for.
 *
 * @param abi version of the kernel's interface; 0: none.
 * @throws `unsupported` if the kernel cannot restrict all of it, unless best effort is asked for.
 */
export function planLandlock(annotations: Readonly<Record<string, string>> | undefined, abi: number): LandlockSteps {
  const rules = parseLandlock(annotations);
  if (rules === undefined) return { rules: [], restrict: [] };
  if (!rules.isBestEffort) requireAbi(rules, abi);
  const files = hasFiles(rules) ? mask(ALL, abi) : 0;
  const network = abi < NEEDS.network.abi ? 0 : networkMask(rules);
  const scope = abi < NEEDS.scope.abi ? 0 : rules.scope.reduce((bits, name) => bits | (1 << SCOPE_BITS[name]), 0);
  if (files === 0 && network === 0 && scope === 0) return { rules: [], restrict: [] };
  const cause = `${LANDLOCK_PREFIX}*`;
  return {
    rules: [
      { op: "landlock-ruleset", files, network, scope, cause, task: "make the rules of Landlock" },
      ...(files === 0 ? [] : planPaths(rules, abi)),
      ...(network === 0 ? [] : planPorts(rules)),
    ],
    restrict: [{ op: "landlock-restrict", cause, task: "restrict the program with Landlock" }],
  };
}

function hasFiles(rules: LandlockRules): boolean {
  return rules.read !== undefined || rules.write !== undefined || rules.execute !== undefined;
}

function networkMask(rules: LandlockRules): number {
  let bits = 0;
  for (const kind of ["bindPorts", "connectPorts"] as const)
    if (rules[kind] !== undefined) bits |= 1 << NETWORK[kind].bit;
  return bits;
}

function mask(rights: readonly FileRight[], abi: number): number {
  return rights.reduce(
    (bits, right) => (FILE_RIGHTS[right].abi <= abi ? bits | (1 << FILE_RIGHTS[right].bit) : bits),
    0,
  );
}

function requireAbi(rules: LandlockRules, abi: number): void {
  const wanted = [
    ...(hasFiles(rules) ? [{ what: "files", ...NEEDS.files }] : []),
    ...(networkMask(rules) === 0 ? [] : [{ what: "TCP ports", ...NEEDS.network }]),
    ...(rules.scope.length === 0 ? [] : [{ what: "scopes", ...NEEDS.scope }]),
  ];
  const missing = wanted.find((one) => one.abi > abi);
  if (missing === undefined) return;
  const has = abi === 0 ? "has no Landlock" : `has version ${abi}`;
  throw new GantryError(
    "unsupported",
    `${LANDLOCK_PREFIX}*: restricting ${missing.what} needs version ${missing.abi} of Landlock, and this kernel ${has}`,
    { hint: `Linux ${missing.linux} has it; ${LANDLOCK_PREFIX}best-effort=true takes what there is` },
  );
}

function planPaths(rules: LandlockRules, abi: number): PlanStep[] {
  return (["read", "execute", "write"] as const).flatMap((kind) =>
    (rules[kind] ?? []).map(
      (path): PlanStep => ({
        op: "landlock-path",
        folderAccess: mask(GRANTS[kind], abi),
        fileAccess: mask(
          GRANTS[kind].filter((right) => OF_FILES.includes(right)),
          abi,
        ),
        path,
        cause: `${LANDLOCK_PREFIX}${kind}`,
        task: `let Landlock allow "${path}"`,
      }),
    ),
  );
}

function planPorts(rules: LandlockRules): PlanStep[] {
  return (["bindPorts", "connectPorts"] as const).flatMap((kind) =>
    (rules[kind] ?? []).map(
      (port): PlanStep => ({
        op: "landlock-port",
        access: 1 << NETWORK[kind].bit,
        port,
        cause: `${LANDLOCK_PREFIX}${NETWORK[kind].name}`,
        task: `let Landlock allow port ${port}`,
      }),
    ),
  );
}
