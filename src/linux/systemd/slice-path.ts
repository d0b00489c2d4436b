import { GantryError } from "../../errors/gantry-error.ts";

/**
 * Where systemd keeps a slice: its name is its path, `test-a-b.slice` is `/test.slice/test-a.slice/test-a-b.slice`
 * (systemd.slice(5)). The root slice, `-.slice`, is `/`.
 *
 * @throws `invalid-argument` for what is no slice's name.
 */
export function slicePath(slice: string): string {
  const name = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  if (name === "-") return "/";
  const parts = name.split("-");
  if (parts.some((part) => !/^[A-Za-z0-9:_.\\]+$/.test(part))) {
    throw new GantryError("invalid-argument", `not the name of a slice: ${JSON.stringify(slice)}`, {
      hint: "it looks like user.slice or machine-pod.slice",
    });
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
