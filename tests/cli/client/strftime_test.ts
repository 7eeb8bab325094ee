/** src/cli/client/strftime.ts: what glibc prints in the C locale. @module */

import { assertEquals, assertMatch } from "@std/assert";
import { strftime } from "../../../src/cli/client/strftime.ts";

/** In local time, as the conversions are. */
const EVENING = new Date(2026, 10, 21, 23, 5, 9);
const NEW_YEAR = new Date(2027, 0, 1, 0, 0, 0);
const CASES: [date: Date, texts: Readonly<Record<string, string>>][] = [
  [EVENING, {
    a: "Sat",
    A: "Saturday",
    b: "Nov",
    B: "November",
    c: "Sat Nov 21 23:05:09 2026",
    C: "20",
    d: "21",
    D: "11/21/26",
    e: "21",
    F: "2026-11-21",
    g: "26",
    G: "2026",
    h: "Nov",
    H: "23",
    I: "11",
    j: "325",
    k: "23",
    l: "11",
    m: "11",
    M: "05",
    n: "\n",
    p: "PM",
    P: "pm",
    r: "11:05:09 PM",
    R: "23:05",
    S: "09",
    t: "\t",
    T: "23:05:09",
    u: "6",
    U: "46",
    V: "47",
    w: "6",
    W: "46",
    x: "11/21/26",
    X: "23:05:09",
    y: "26",
    Y: "2026",
    "%": "%",
    E: "%E",
    Q: "%Q",
  }],
  // The first of January belongs to the last week of the old year.
  [NEW_YEAR, {
    V: "53",
    G: "2026",
    g: "26",
    U: "00",
    W: "00",
    j: "001",
    I: "12",
    l: "12",
    k: " 0",
    e: " 1",
    p: "AM",
    u: "5",
  }],
  [new Date(2026, 0, 4), { U: "01", W: "00", V: "01", w: "0", u: "7" }],
  [new Date(2026, 0, 5), { U: "01", W: "01", V: "02" }],
];
for (const [date, texts] of CASES) {
  Deno.test(`strftime() prints ${date.toDateString()} in each way`, () => {
    for (const [conversion, text] of Object.entries(texts)) assertEquals(strftime(conversion, date), text, conversion);
  });
}

Deno.test("strftime() knows the seconds since 1970, and how far the clock is from UTC", () => {
  assertEquals(strftime("s", new Date(1_795_284_064_999)), "1795284064");
  const offset = strftime("z", EVENING);
  assertMatch(offset, /^[+-]\d{4}$/);
  const minutes = Number(offset.slice(0, 3)) * 60 + Number(offset[0] + offset.slice(3));
  assertEquals(minutes + EVENING.getTimezoneOffset(), 0);
});
