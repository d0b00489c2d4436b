import type { Linux } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

/** linux/magic.h and ipc/mqueue.c: what statfs(2) says of a file system of message queues. */
const MQUEUE_MAGIC = 0x19800202;
/** One for the whole system, or labelled file by file by the policy: the kernel takes no label at their mount. */
const WITHOUT_CONTEXT = new Set(
  "proc sysfs mqueue securityfs selinuxfs debugfs tracefs configfs binfmt_misc pstore efivarfs".split(" "),
);

/**
 * The option of a new mount that labels all of it.
 *
 * @param label of SELinux, `""` for none.
 */
export function planContext(type: string, label: string, options: readonly string[] = []): string[] {
  const isChosen = options.some((option) => /^(def|fs|root)?context=/.test(option));
  return label === "" || isChosen || WITHOUT_CONTEXT.has(type) ? [] : [`context=${label}`];
}

/** What labels a mount that takes no such option, but whose root does. The queues of an IPC namespace of others keep theirs. */
export function labelMount(
  type: string,
  label: string,
  options: { readonly target: string; readonly linux: Linux },
): PlanStep[] {
  const { target, linux } = options;
  const isOwn = (linux.namespaces ?? []).some((one) => one.type === "ipc" && !one.path);
  if (type !== "mqueue" || label === "" || !isOwn) return [];
  return [
    {
      op: "label-root-of-mount",
      magic: MQUEUE_MAGIC,
      label,
      path: target,
      cause: "linux.mountLabel",
      task: `label "${target}"`,
    },
  ];
}
