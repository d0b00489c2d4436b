import { ApiError } from "../../api/api-error.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { inspectObjects } from "../inspect-objects.ts";

const ABSENT_TYPES: readonly string[] = ["config", "node", "plugin", "secret", "service", "task"];
const TYPES = ["container", "image", "network", "volume"] as const;
type ObjectType = (typeof TYPES)[number];

/** Kinds of objects in the order in which a bare name is looked up. */
function typesToTry(type: string | undefined): readonly ObjectType[] {
  if (type === undefined) return TYPES;
  const known = TYPES.find((candidate) => candidate === type);
  if (known !== undefined) return [known];
  if (ABSENT_TYPES.includes(type)) throw new Error(`unsupported: --type ${type} is not there yet`);
  if (type === "") throw new Error(`type is empty: must be one of "${TYPES.join('", "')}"`);
  throw new Error(`unknown type: ${JSON.stringify(type)}: must be one of "${TYPES.join('", "')}"`);
}

/** Not found, or not there at all: the next kind may have it. */
function isSkippable(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.code === "not-found" || error.code === "unsupported" || error.message.includes("invalid reference format"))
  );
}

export const command = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  flags: {
    format: textFlag("How to print: json, or a Go template", { short: "f" }),
    size: switchFlag("Show the sizes of containers", { short: "s" }),
    type: textFlag("Only objects of this type: container, image, network, volume"),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const types = typesToTry(flags.type);
    const api = await connect();
    const inspect: Readonly<Record<ObjectType, (name: string) => Promise<unknown>>> = {
      container: (name) => api.inspectContainer(name, { size: flags.size }),
      image: (name) => api.inspectImage(name),
      network: (name) => api.inspectNetwork(name),
      volume: (name) => api.inspectVolume(name),
    };
    return inspectObjects(terminal, positionals, {
      format: flags.format,
      async find(name) {
        for (const type of types) {
          try {
            return await inspect[type](name);
          } catch (error) {
            if (types.length === 1 || !isSkippable(error)) throw error;
          }
        }
        throw new Error(`Error: No such object: ${name}`);
      },
    });
  },
});
