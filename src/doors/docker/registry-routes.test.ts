import { expect, test } from "bun:test";
import { request } from "node:http";
import { doorParts, type ServedDoor, serveDoor } from "../../../test/support/door-double.ts";

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function post({ socketPath }: ServedDoor, path: string, body: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { "content-type": "application/json", connection: "close" };
  const call = request({ socketPath, method: "POST", path, headers }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
  });
  call.on("error", reject);
  call.end(body);
  return await promise;
}

const SERVE_FIELDS = "AllowSparse, Config, Listen, Access, ExternalUrl";
const UPKEEP_FIELDS = "Task, DryRun, Config, BytesPerSecond";
const HOSTILE: readonly (readonly [string, string, string])[] = [
  ["serve", "null", `the body is no JSON object of ${SERVE_FIELDS}`],
  ["serve", "[]", `the body is no JSON object of ${SERVE_FIELDS}`],
  ["serve", "7", `the body is no JSON object of ${SERVE_FIELDS}`],
  ["serve", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, `the body is no JSON object of ${SERVE_FIELDS}`],
  ["serve", '{"Listen":7}', "Listen is no string"],
  ["serve", '{"Listen":["127.0.0.1:0"]}', "Listen is no string"],
  ["serve", '{"AllowSparse":"true"}', "AllowSparse is no boolean"],
  ["serve", '{"listen":":0"}', `"listen" is not known here (${SERVE_FIELDS} are)`],
  ["serve", '{"__proto__":{"Listen":":0"}}', `"__proto__" is not known here (${SERVE_FIELDS} are)`],
  ["serve", '{"constructor":{}}', `"constructor" is not known here (${SERVE_FIELDS} are)`],
  ["serve", `{"${"x".repeat(1_000_000)}":1}`, `"${"x".repeat(64)}" is not known here (${SERVE_FIELDS} are)`],
  ["serve", '{"Config":"registry.toml"}', "Config is no absolute path"],
  ["serve", '{"Config":"/etc/x\\u0000y"}', "Config is no absolute path"],
  ["serve", '{"Access":""}', "Access is no absolute path"],
  ["serve", '{"Access":"../access.toml"}', "Access is no absolute path"],
  ["serve", '{"Config":"/a","Config":null}', "Config is no string"],
  ["upkeep", "null", `the body is no JSON object of ${UPKEEP_FIELDS}`],
  ["upkeep", "{}", "Task is none of collect, retention, scrub"],
  ["upkeep", '{"Task":"toString"}', "Task is none of collect, retention, scrub"],
  ["upkeep", '{"Task":"collect","BytesPerSecond":-1}', "BytesPerSecond is no number of bytes"],
  ["upkeep", '{"Task":"scrub","BytesPerSecond":1e308}', "BytesPerSecond is no number of bytes"],
  ["upkeep", '{"Task":"scrub","DryRun":true}', "DryRun is not for scrub, which puts damaged blobs aside"],
  ["upkeep", '{"Task":"collect","DryRun":1}', "DryRun is no boolean"],
];

test("what is asked of the registry is an object of known fields: nothing else reaches it, and one sentence says why", async () => {
  const reached: unknown[] = [];
  const refuse = async (asked: unknown): Promise<never> => {
    reached.push(asked);
    throw new Error("this request was to be refused");
  };
  await using door = await serveDoor(doorParts({ registry: { serve: refuse, upkeep: refuse } }));
  const answers: Answer[] = [];
  for (const [task, body] of HOSTILE) answers.push(await post(door, `/gantry/registry/${task}`, body));
  expect(answers).toEqual(HOSTILE.map(([, , message]) => ({ status: 400, text: `${JSON.stringify({ message })}\n` })));
  expect([reached, door.warnings]).toEqual([[], []]);
});
