import { GantryError } from "../../errors/gantry-error.ts";
import type { Hook, Hooks, Mount, Process, Resources, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { idMappings, linuxShape } from "./linux-shape.ts";
import { parseJson } from "./parse-json.ts";
import { processShape } from "./process-shape.ts";
import { resourcesShape } from "./resources-shape.ts";
import { flag, int64, listOf, object, Problems, recordOf, required, type Shape, text } from "./shape.ts";

const hookList: Shape<readonly Hook[]> = listOf(
  object<Hook>({ path: required(text), args: listOf(text), env: listOf(text), timeout: int64 }),
);

const specShape: Shape<RuntimeSpec> = object<RuntimeSpec>({
  ociVersion: required(text),
  process: processShape,
  root: object({ path: required(text), readonly: flag }),
  hostname: text,
  domainname: text,
  mounts: listOf(
    object<Mount>({
      destination: required(text),
      type: text,
      source: text,
      options: listOf(text),
      uidMappings: idMappings,
      gidMappings: idMappings,
    }),
  ),
  annotations: recordOf(text),
  hooks: object<Hooks>({
    prestart: hookList,
    createRuntime: hookList,
    createContainer: hookList,
    startContainer: hookList,
    poststart: hookList,
    poststop: hookList,
  }),
  linux: linuxShape,
});

/** A configuration is read as a whole; those of engines have some 20 KB. */
const MAX_BYTES = 8 * 1024 * 1024;

function parse<T>(source: string, shape: Shape<T>, what: string): { readonly value: T; readonly problems: Problems } {
  if (source.length > MAX_BYTES)
    throw new GantryError("invalid-argument", `${what} is longer than ${MAX_BYTES >> 20} MiB`);
  const json = parseJson(source);
  if ("problem" in json) throw new GantryError("invalid-argument", `${what} is not JSON: ${json.problem}`);
  const problems = new Problems();
  const value = shape(json.value, "", problems);
  if (value === undefined) throw refuse(what, problems);
  return { value, problems };
}

function refuse(what: string, problems: Problems): GantryError {
  const list = problems.list.map((problem) => problem.replace(/^: /, ""));
  const more = list.length >= Problems.MAX ? "; and so on" : "";
  return new GantryError("invalid-argument", `${what} is not valid: ${list.join("; ")}${more}`);
}

/** Of the same major version everything can be read: what is newer is ignored (config.md, "Extensibility"; spec.md). */
function checkVersion(version: string | undefined, problems: Problems): void {
  if (version === undefined) return;
  if (!/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/.test(version))
    problems.refuse("ociVersion", version, "a version like 1.3.0");
  else if (!version.startsWith("1.")) problems.add("ociVersion", `version ${version} is not supported, only 1.x`);
}

function checkProcess(process: Process | undefined, path: string, problems: Problems): void {
  if (process === undefined) return;
  const at = path === "" ? "" : `${path}.`;
  if (process.cwd !== undefined && !process.cwd.startsWith("/"))
    problems.refuse(`${at}cwd`, process.cwd, "an absolute path");
  if ((process.args ?? []).length === 0) problems.refuse(`${at}args`, process.args, "a program with its arguments");
  (process.env ?? []).forEach((entry, index) => {
    if (entry.includes("\0")) problems.refuse(`${at}env[${index}]`, entry, "no NUL character");
  });
}

function checkHooks(hooks: Hooks | undefined, problems: Problems): void {
  for (const [kind, list] of Object.entries(hooks ?? {}) as [string, readonly Hook[]][])
    list.forEach((hook, index) => {
      const at = `hooks.${kind}[${index}]`;
      if (hook.path !== undefined && !hook.path.startsWith("/"))
        problems.refuse(`${at}.path`, hook.path, "an absolute path");
      if (hook.timeout !== undefined && hook.timeout <= 0)
        problems.refuse(`${at}.timeout`, hook.timeout, "seconds above 0");
    });
}

/**
 * Reads the text of a `config.json`. Total: whatever is wrong ends in one error that lists every problem with its JSON
 * path, what was found and what was expected. Members that the specification does not have are ignored.
 *
 * @param path names the document in the error.
 * @throws `invalid-argument`
 */
export function parseRuntimeSpec(source: string, path = "config.json"): RuntimeSpec {
  const { value, problems } = parse(source, specShape, path);
  checkVersion(value.ociVersion, problems);
  checkProcess(value.process, "process", problems);
  checkHooks(value.hooks, problems);
  if (problems.list.length > 0) throw refuse(path, problems);
  return value;
}

/** The configuration in a container's own state, which was read and found right before. @throws as `parseRuntimeSpec`. */
export function shapeRuntimeSpec(value: unknown, path: string): RuntimeSpec {
  const problems = new Problems();
  const spec = specShape(value, "", problems);
  if (spec === undefined || problems.list.length > 0) throw refuse(path, problems);
  return spec;
}

/** Reads what `exec --process` is given. @throws as `parseRuntimeSpec`. */
export function parseProcess(source: string, path: string): Process {
  const { value, problems } = parse(source, processShape, path);
  checkProcess(value, "", problems);
  if (problems.list.length > 0) throw refuse(path, problems);
  return value;
}

/** Reads what `update --resources` is given. @throws as `parseRuntimeSpec`. */
export function parseResources(source: string, path: string): Resources {
  const { value, problems } = parse(source, resourcesShape, path);
  if (problems.list.length > 0) throw refuse(path, problems);
  return value;
}
