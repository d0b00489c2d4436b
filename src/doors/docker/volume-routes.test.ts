import { expect, test } from "bun:test";
import { doorParts, serveDoor } from "../../../test/support/door-double.ts";

test("volumes are made, by the one driver that there is", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.createVolume({ Name: "data" })).toMatchObject({ Name: "data", Driver: "local" });
  await expect(door.api.createVolume({ Name: "data", Driver: "nfs" })).rejects.toThrow("Driver (--driver)");
});
