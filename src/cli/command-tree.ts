import type { Command } from "./command.ts";

/** One command: what the list of commands says of it, and its module, which is loaded only when it is called. */
export interface CommandEntry {
  readonly summary: string;
  /** Other paths that mean the same command. */
  readonly paths: readonly string[];
  readonly isCommon?: boolean;
  readonly load: () => Promise<Command>;
}

/** Words before further commands: `container`, `image`, `registry user`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
}

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  { name: "container", summary: "Work with containers" },
  { name: "image", summary: "Work with images" },
  { name: "registry", summary: "Serve images to others" },
  { name: "registry access", summary: "Look at who may do what with a registry" },
  { name: "registry user", summary: "Work with the users of a registry" },
  { name: "system", summary: "Look at the daemon" },
];

function entry(
  paths: string,
  summary: string,
  load: () => Promise<{ readonly command: unknown }>,
  isCommon = false,
): CommandEntry {
  // Each module exports a Command of its own flags; the parser gives it exactly these.
  return { summary, paths: paths.split(", "), isCommon, load: async () => (await load()).command as Command };
}

/** Every command with all paths to it, the one that help shows first. */
export const COMMANDS: readonly CommandEntry[] = [
  entry("run, container run", "Create and start a container from an image", () => import("./commands/run.ts"), true),
  entry("exec, container exec", "Run a program in a running container", () => import("./commands/exec.ts"), true),
  entry("ps, container ls, container list, container ps", "List containers", () => import("./commands/ps.ts"), true),
  entry("pull, image pull", "Download an image from a registry", () => import("./commands/pull.ts"), true),
  entry("push, image push", "Upload an image to a registry", () => import("./commands/push.ts"), true),
  entry("images, image ls, image list", "List images", () => import("./commands/images.ts"), true),
  entry("version", "Show the versions of program and daemon", () => import("./commands/version.ts"), true),
  entry(
    "info, system info",
    "Show the daemon's settings and what the host can do",
    () => import("./commands/info.ts"),
    true,
  ),
  entry(
    "attach, container attach",
    "Connect to the streams of a running container",
    () => import("./commands/attach.ts"),
  ),
  entry("create, container create", "Create a container without starting it", () => import("./commands/create.ts")),
  entry("daemon", "Run the daemon in the foreground", () => import("./commands/daemon.ts")),
  entry("events, system events", "Follow what happens in the daemon", () => import("./commands/events.ts")),
  entry("history, image history", "Show the layers of an image", () => import("./commands/history.ts")),
  entry("inspect", "Show all details of containers and images", () => import("./commands/inspect.ts")),
  entry("container inspect", "Show all details of containers", () => import("./commands/container-inspect.ts")),
  entry("image copy", "Copy an image from one registry to another", () => import("./commands/image-copy.ts")),
  entry(
    "image ls-remote",
    "List the tags of a repository in a registry",
    () => import("./commands/image-ls-remote.ts"),
  ),
  entry(
    "image rm-remote",
    "Delete tags, or images with all of their tags, from a registry",
    () => import("./commands/image-rm-remote.ts"),
  ),
  entry("image inspect", "Show all details of images", () => import("./commands/image-inspect.ts")),
  entry("image from-host", "Make an image of programs of this host", () => import("./commands/image-from-host.ts")),
  entry("image sign", "Sign an image in its registry", () => import("./commands/image-sign.ts")),
  entry("image trust", "Show who signed an image, and what the policy says", () => import("./commands/image-trust.ts")),
  entry("kill, container kill", "Send a signal to containers", () => import("./commands/kill.ts")),
  entry("load, image load", "Load images from an archive", () => import("./commands/load.ts")),
  entry("login", "Log in to a registry", () => import("./commands/login.ts")),
  entry("logout", "Forget the credentials for a registry", () => import("./commands/logout.ts")),
  entry("logs, container logs", "Show what a container printed", () => import("./commands/logs.ts")),
  entry("pause, container pause", "Freeze all processes of containers", () => import("./commands/pause.ts")),
  entry("port, container port", "Show the published ports of a container", () => import("./commands/port.ts")),
  entry(
    "registry access check",
    "Say whether a user, or - for anonymous, may do something, and by which rule",
    () => import("./commands/registry-access-check.ts"),
  ),
  entry("registry user add", "Add a user", () => import("./commands/registry-user-add.ts")),
  entry("registry user list, registry user ls", "List users", () => import("./commands/registry-user-list.ts")),
  entry("registry user password", "Change a user's password", () => import("./commands/registry-user-password.ts")),
  entry("registry user remove, registry user rm", "Remove a user", () => import("./commands/registry-user-remove.ts")),
  entry(
    "registry user revoke",
    "End a user's tokens: clients that keep one have to log in again",
    () => import("./commands/registry-user-revoke.ts"),
  ),
  entry(
    "registry collect",
    "Remove blobs that nothing in a registry needs any more",
    () => import("./commands/registry-collect.ts"),
  ),
  entry(
    "registry retention",
    "Remove tags and manifests by the rules of retention",
    () => import("./commands/registry-retention.ts"),
  ),
  entry(
    "registry scrub",
    "Read every blob of a registry and verify its digest",
    () => import("./commands/registry-scrub.ts"),
  ),
  entry("registry serve", "Serve the images here to others", () => import("./commands/registry-serve.ts")),
  entry("rename, container rename", "Give a container another name", () => import("./commands/rename.ts")),
  entry("restart, container restart", "Stop and start containers", () => import("./commands/restart.ts")),
  entry("rm, container rm, container remove", "Remove containers", () => import("./commands/rm.ts")),
  entry("rmi, image rm, image remove", "Remove images", () => import("./commands/rmi.ts")),
  entry("save, image save", "Write images to an archive", () => import("./commands/save.ts")),
  entry("search", "Search a registry for images", () => import("./commands/search.ts")),
  entry("start, container start", "Start containers that do not run", () => import("./commands/start.ts")),
  entry("stats, container stats", "Show what containers use, live", () => import("./commands/stats.ts")),
  entry("stop, container stop", "Stop running containers", () => import("./commands/stop.ts")),
  entry("tag, image tag", "Give an image a further name", () => import("./commands/tag.ts")),
  entry("top, container top", "Show the processes of a container", () => import("./commands/top.ts")),
  entry("unpause, container unpause", "Let frozen containers go on", () => import("./commands/unpause.ts")),
  entry("update, container update", "Change limits of containers", () => import("./commands/update.ts")),
  entry(
    "wait, container wait",
    "Wait for the end of containers and print their statuses",
    () => import("./commands/wait.ts"),
  ),
];

/** Docker's commands that are not there yet, with what does the job meanwhile; empty: nothing does. */
export const ABSENT_COMMANDS: Readonly<Record<string, string>> = {
  build: "build with `docker build` or `podman build`, then `docker save IMAGE | gantry load`",
  builder: "",
  buildx: "build with docker, then `docker save IMAGE | gantry load`",
  checkpoint: "",
  commit: "",
  compose: "start the containers one by one with `gantry run`",
  config: "",
  context: "choose a daemon with `gantry --host`",
  cp: "use `gantry exec NAME tar c PATH | tar x`, or mount the folder with `-v`",
  diff: "",
  export: "use `gantry exec NAME tar c /`",
  import: "make an archive of the image's form, then `gantry load`",
  manifest: "use `skopeo inspect --raw`",
  network: "choose one of bridge, host and none with `gantry run --network`",
  node: "",
  plugin: "",
  secret: "",
  service: "",
  stack: "",
  swarm: "",
  trust: "sign with `gantry image sign`, look with `gantry image trust`",
  volume: "name the volume in `gantry run -v NAME:PATH`; it is made by that",
  "container commit": "",
  "container cp": "use `gantry exec NAME tar c PATH | tar x`, or mount the folder with `-v`",
  "container diff": "",
  "container export": "use `gantry exec NAME tar c /`",
  "container prune": "use `gantry rm $(gantry ps -aq --filter status=exited)`",
  "image build": "build with `docker build` or `podman build`, then `docker save IMAGE | gantry load`",
  "image import": "make an archive of the image's form, then `gantry load`",
  "image prune": "use `gantry rmi $(gantry images -q --filter dangling=true)`",
  "system df": "",
  "system prune": "use `gantry rm` and `gantry rmi`",
  "system dial-stdio": "",
};

/** The command at a path, `run` or `container run`. */
export function findCommand(path: string): CommandEntry | undefined {
  return COMMANDS.find(({ paths }) => paths.includes(path));
}
