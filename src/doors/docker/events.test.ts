import { expect, test } from "bun:test";
import { CONTAINER_ID, CREATED_NS, doorParts, eventsOf, serveDoor } from "../../../test/support/door-double.ts";
import { requestText, talk } from "../../../test/support/talk.ts";

test("events come with old and new fields and every digit of their time", async () => {
  const event = {
    type: "container",
    action: "die",
    actorId: CONTAINER_ID,
    attributes: { image: "busybox", exitCode: "3" },
    timeNs: CREATED_NS,
  };
  const events = { subscribe: () => eventsOf([event, { ...event, action: "start" }]) };
  await using door = await serveDoor(doorParts({ events }));
  const got = await Array.fromAsync(await door.api.events({ since: "0", until: "1", filters: { event: ["die"] } }));
  expect(got).toMatchObject([{ status: "die", from: "busybox", Type: "container", Action: "die", scope: "local" }]);
  const raw = await talk(door.socketPath, requestText("GET /events?until=1"));
  expect(raw).toContain(`"timeNano":${CREATED_NS}}`);
});
