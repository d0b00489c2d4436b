const SECTION = /^\[\s*(.*?)\s*\]/;
const SETTING = /^([A-Za-z0-9_]+)\s*=\s*(.*?)\s*$/;

/** In `~/.aws/config` a name with spaces has quotes. */
const QUOTED = /^profile\s+"?(.*?)"?$/;

/**
 * Reads one profile of a file that the AWS tools share, `~/.aws/credentials` or `~/.aws/config`: sections of `name = value`; lines that
 * begin with `#` or `;` are comments, and those that are indented belong to the setting before (AWS SDKs and Tools Reference Guide,
 * "Shared config and credentials files").
 *
 * @param title as it stands in brackets: `NAME` in the file of credentials, `profile NAME` in the other
 * @returns its settings by their names in small letters, the last of each; undefined if there is no such profile
 */
export function parseAwsProfile(text: string, title: string): ReadonlyMap<string, string> | undefined {
  let settings: Map<string, string> | undefined;
  let isWanted = false;
  for (const line of text.split(/\r?\n/)) {
    const section = SECTION.exec(line);
    if (section !== null) {
      isWanted = section[1]?.replace(QUOTED, "profile $1") === title;
      if (isWanted) settings ??= new Map();
      continue;
    }
    const [, setting, value] = SETTING.exec(line) ?? [];
    if (isWanted && setting !== undefined && value !== undefined) settings?.set(setting.toLowerCase(), value);
  }
  return settings;
}
