import { parseReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  flags: {},
  arguments: { min: 2, max: 2 },
  async run({ connect }, { positionals: [source = "", target = ""] }) {
    const { tag, digest } = parseReference(target);
    if (digest !== undefined) throw new Error("refusing to create a tag with a digest reference");
    const repo = tag === undefined ? target : target.slice(0, target.length - tag.length - 1);
    await (await connect()).tagImage(source, { repo, tag: tag ?? "latest" });
    return 0;
  },
});
