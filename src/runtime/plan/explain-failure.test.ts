import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../platform/errno.ts";
import { explainFailure } from "./explain-failure.ts";
import type { Plan } from "./steps.ts";

const plan: Plan = {
  steps: [
    {
      op: "open-source",
      slot: 0,
      recursive: 1,
      propagation: 0,
      path: "/data",
      cause: "mounts[0]",
      task: 'mount "/data" on "/mnt"',
    },
    { op: "execute", arguments: ["foo"], cause: "process.args", task: "" },
    { op: "execute", arguments: ["/bin/foo"], cause: "process.args", task: "" },
    {
      ...{
        op: "mount-source",
        slot: 0,
        keep: 0,
        set: 0,
        clear: 0,
        implied: 0,
        recursiveSet: 0,
        recursiveClear: 0,
        propagation: 0,
      },
      ...{ overProc: 0, isProc: 0, target: "/etc", cause: "mounts[1]", task: 'mount "/file" on "/etc"' },
    },
  ],
};
const explain = (step: number, errno: number, text = "") => {
  const { message, code, exitCode } = explainFailure(plan, { step, errno, text });
  return [message, code, exitCode];
};

describe("explainFailure", () => {
  test("a mount that an old kernel cannot make, or a file system that cannot map ids, is told with what it would take", () => {
    const origin = { cause: "mounts[0]", task: "mount it" };
    const place = { slot: 0, keep: 0, set: 0, clear: 0, implied: 0, recursiveClear: 0, propagation: 0 };
    const steps: Plan["steps"] = [
      { op: "mount-source", ...place, recursiveSet: 0x200000, overProc: 0, isProc: 0, target: "/x", ...origin },
      { op: "map-ids", slot: 0, recursive: 0, users: "", groups: "", ...origin },
    ];
    const told = [0, 1].map((step) => explainFailure({ steps }, { step, errno: ERRNO.EINVAL, text: "options" }));
    expect(told.map(({ code, hint }) => [code, hint])).toEqual([
      ["unsupported", '"rnosymfollow" needs Linux 5.14'],
      ["unsupported", "mount_setattr(2) lists, under NOTES, which file systems can, and since when"],
    ]);
  });

  test("names the task, the part and the reason", () => {
    expect(explain(0, ERRNO.ENOENT)).toEqual([
      'cannot mount "/data" on "/mnt": ENOENT: no such file or directory',
      "not-found",
      125,
    ]);
    expect(explain(0, ERRNO.ENOSPC, "target")[0]).toBe(
      'cannot mount "/data" on "/mnt": target: ENOSPC: no space left on device',
    );
    expect(explain(0xffffffff, 0, "init ended early")).toEqual([
      "cannot start the container: init ended early",
      "internal",
      125,
    ]);
  });

  test("says that a file and a folder do not fit, which the kernel calls an invalid argument", () => {
    expect(explain(3, ERRNO.EINVAL)[0]).toBe(
      'cannot mount "/file" on "/etc": not a directory: a file goes on a file, a folder on a folder',
    );
    expect(explain(3, ERRNO.EINVAL, "options")[0]).toBe(
      'cannot mount "/file" on "/etc": options: EINVAL: invalid argument',
    );
  });

  test("keeps Docker's words and codes for programs", () => {
    expect(explain(1, ERRNO.ENOENT)).toEqual(['exec: "foo": executable file not found in $PATH', "not-found", 127]);
    expect(explain(2, ERRNO.ENOENT)).toEqual([
      'exec: "/bin/foo": stat /bin/foo: no such file or directory',
      "not-found",
      127,
    ]);
    expect(explain(2, ERRNO.ENOENT, "found")).toEqual(["exec /bin/foo: no such file or directory", "not-found", 127]);
    expect(explain(2, ERRNO.EACCES)).toEqual(['exec: "/bin/foo": permission denied', "permission-denied", 126]);
    expect(explain(2, ERRNO.ENOEXEC, "found")).toEqual(["exec /bin/foo: exec format error", "invalid-argument", 126]);
  });
});
