import { describe, expect, test } from "bun:test";
import { fakeTerminal, NOW_MS } from "../../../test/support/cli-double.ts";
import type { ContainerSummary } from "../../api/container.ts";
import type { ImageSummary } from "../../api/image.ts";
import { alignColumns } from "./align-columns.ts";
import { containerList, formatPorts } from "./container-list.ts";
import { binarySize, ellipsis, humanDuration, humanSize, shortId } from "./human.ts";
import { imageLines, imageList } from "./image-list.ts";
import { renderList } from "./render-list.ts";

const terminal = fakeTerminal();
const NOW = NOW_MS / 1000;

const container: ContainerSummary = {
  Id: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  Names: ["/web"],
  Image: "busybox",
  ImageID: `sha256:${"a".repeat(64)}`,
  Command: 'sh -c "while true; do sleep 1; done"',
  Created: NOW - 300,
  Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
  SizeRw: 1234,
  SizeRootFs: 4_567_890,
  Labels: { b: "2", a: "1" },
  State: "running",
  Status: "Up 5 minutes",
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: { bridge: {} } },
  Mounts: [],
};

const image: ImageSummary = {
  Id: `sha256:${"b".repeat(64)}`,
  ParentId: "",
  RepoTags: ["busybox:latest", "localhost:5000/x:1"],
  RepoDigests: [`busybox@sha256:${"c".repeat(64)}`],
  Created: NOW - 86_400 * 3,
  Size: 4_261_550,
  SharedSize: -1,
  Labels: null,
  Containers: -1,
};

const list = containerList({ isTruncated: true, hasSize: false, terminal });

// The expected texts are what the docker program prints for the same answers of the API.
describe("ps", () => {
  test("prints Docker's table", () => {
    expect(renderList([container], list)).toBe(
      "CONTAINER ID   IMAGE     COMMAND                   CREATED         STATUS         PORTS                  NAMES\n" +
        '0123456789ab   busybox   "sh -c \\"while true; …"   5 minutes ago   Up 5 minutes   0.0.0.0:8080->80/tcp   web\n',
    );
  });

  test("prints the titles alone when there is nothing", () => {
    expect(renderList([], list)).toBe("CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n");
  });

  test("--quiet, --format with a template, a table's template, json", () => {
    expect(renderList([container], list, { quiet: true })).toBe("0123456789ab\n");
    expect(renderList([container], list, { format: '{{.Names}}\\t{{.Label "a"}} {{.Size}}' })).toBe(
      "web\t1 1.23kB (virtual 4.57MB)\n",
    );
    expect(renderList([container], list, { format: 'table {{.ID}}\\t{{.Label "my-label"}}\\t{{upper .State}}' })).toBe(
      "CONTAINER ID   my label   STATE\n0123456789ab              RUNNING\n",
    );
    expect(JSON.parse(renderList([container], list, { format: "json" }))).toMatchObject({
      ID: "0123456789ab",
      Labels: "a=1,b=2",
      CreatedAt: "2024-01-31 09:55:00 +0000 UTC",
      Command: '"sh -c \\"while true; …"',
    });
  });

  test("a field that is not there is refused with its place", () => {
    expect(() => renderList([container], list, { format: "{{.Foo}}" })).toThrow(
      'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"',
    );
  });

  test("ports: neighbours become ranges, what maps elsewhere stands alone", () => {
    const on = (port: number, hostPort?: number) =>
      ({
        PrivatePort: port,
        Type: "tcp",
        ...(hostPort === undefined ? {} : { IP: "0.0.0.0", PublicPort: hostPort }),
      }) as const;
    expect(formatPorts([on(82), on(80), on(81), on(90, 90), on(91, 91), on(1, 2)])).toBe(
      "80-82/tcp, 0.0.0.0:90-91->90-91/tcp, 0.0.0.0:2->1/tcp",
    );
    const both = [on(80, 80), on(81, 81), on(90, 91)].flatMap((port) => [port, { ...port, IP: "::" }]);
    expect(formatPorts(both)).toBe(
      "0.0.0.0:80-81->80-81/tcp, [::]:80-81->80-81/tcp, 0.0.0.0:91->90/tcp, [::]:91->90/tcp",
    );
    expect(formatPorts([{ IP: "::", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }])).toBe("[::]:8080->80/tcp");
  });
});

describe("images", () => {
  test("prints a line for each name", () => {
    const images = imageList({ isTruncated: true, hasDigests: false, terminal });
    expect(renderList(imageLines(image, false), images)).toBe(
      "REPOSITORY         TAG       IMAGE ID       CREATED      SIZE\n" +
        "busybox            latest    bbbbbbbbbbbb   3 days ago   4.26MB\n" +
        "localhost:5000/x   1         bbbbbbbbbbbb   3 days ago   4.26MB\n",
    );
  });

  test("an image without a name has <none>", () => {
    expect(imageLines({ ...image, RepoTags: [], RepoDigests: [] }, false)).toMatchObject([
      { repository: "<none>", tag: "<none>" },
    ]);
    expect(imageLines({ ...image, RepoTags: [] }, true)).toMatchObject([
      { repository: "busybox", tag: "<none>", digest: `sha256:${"c".repeat(64)}` },
    ]);
  });
});

describe("words for numbers", () => {
  test("durations", () => {
    const hour = 3600;
    const seconds = [
      0,
      1,
      59,
      60,
      119,
      120,
      hour,
      2 * hour,
      47 * hour,
      48 * hour,
      14 * 24 * hour,
      70 * 24 * hour,
      800 * 24 * hour,
    ];
    expect(seconds.map(humanDuration)).toEqual([
      "Less than a second",
      "1 second",
      "59 seconds",
      "About a minute",
      "About a minute",
      "2 minutes",
      "About an hour",
      "2 hours",
      "47 hours",
      "2 days",
      "2 weeks",
      "2 months",
      "2 years",
    ]);
  });

  test("sizes", () => {
    expect([0, 999, 1000, 4_261_550, 1e9, 123_456_789].map((bytes) => humanSize(bytes))).toEqual([
      "0B",
      "999B",
      "1kB",
      "4.26MB",
      "1GB",
      "123MB",
    ]);
    expect([0, 1023, 16 * 2 ** 30, 1.5 * 2 ** 20].map(binarySize)).toEqual(["0B", "1023B", "16GiB", "1.5MiB"]);
  });

  test("what is cut ends in an ellipsis; wide characters count twice", () => {
    expect([ellipsis("abcdef", 4), ellipsis("abcd", 4), ellipsis("日本語", 4)]).toEqual(["abc…", "abcd", "日…"]);
    expect(shortId(`sha256:${"d".repeat(64)}`)).toBe("dddddddddddd");
  });

  test("columns begin anew after a line without them", () => {
    expect(alignColumns("a\tb\nlong cell here\tc\nalone\nx\ty\n")).toBe(
      "a                b\nlong cell here   c\nalone\nx         y\n",
    );
  });
});
