import { GantryError } from "../../errors/gantry-error.ts";
import { parseReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";

/** No user has this name. */
const ANONYMOUS = "-";

export const command = defineCommand({
  usage: "[OPTIONS] USER|- ACTION REPOSITORY",
  flags: ACCESS_FLAGS,
  arguments: { min: 3, max: 3 },
  async run(context, { flags, positionals: [user = "", action = "", repository = ""] }) {
    if (!isRepository(repository)) {
      throw new GantryError("invalid-argument", `${JSON.stringify(repository)} is no name of a repository`, {
        hint: "write it without the registry, in lower case, as team/app",
      });
    }
    const accounts = await openAccessFile(context, flags);
    const { isAllowed, reason } = accounts.check(user === ANONYMOUS ? undefined : user, action, repository);
    await context.terminal.stdout.write(`${isAllowed ? "allowed" : "denied"}: ${reason}\n`);
    return isAllowed ? 0 : 1;
  },
});

function isRepository(text: string): boolean {
  try {
    return parseReference(`localhost/${text}`).repository === text;
  } catch {
    return false;
  }
}
