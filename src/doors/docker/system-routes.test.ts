import { expect, test } from "bun:test";
import { doorParts, serveDoor } from "../../../test/support/door-double.ts";

test("info counts containers", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.info()).toMatchObject({ Containers: 1, ContainersStopped: 1, ContainersRunning: 0 });
});
