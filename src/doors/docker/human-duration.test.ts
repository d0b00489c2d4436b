import { expect, test } from "bun:test";
import { formatHumanDuration } from "./human-duration.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test.each([
  [450, "Less than a second"],
  [1 * SECOND, "1 second"],
  [45 * SECOND, "45 seconds"],
  [60 * SECOND, "About a minute"],
  [119 * SECOND, "About a minute"],
  [3 * MINUTE, "3 minutes"],
  [59 * MINUTE + 59 * SECOND, "59 minutes"],
  [60 * MINUTE, "About an hour"],
  [90 * MINUTE, "2 hours"],
  [47 * HOUR, "47 hours"],
  [2 * DAY, "2 days"],
  [13 * DAY, "13 days"],
  [14 * DAY, "2 weeks"],
  [59 * DAY, "8 weeks"],
  [60 * DAY, "2 months"],
  [365 * DAY, "12 months"],
  [730 * DAY, "2 years"],
])("%i ms are %p, as Docker's lists say it", (milliseconds, words) => {
  expect(formatHumanDuration(milliseconds)).toBe(words);
});
