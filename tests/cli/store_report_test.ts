/** src/cli/store_report.ts @module */

import { assertEquals } from "@std/assert";
import { count, describeStatistics, formatBytes } from "../../src/cli/store_report.ts";
import type { StoreStatistics } from "../../src/persistence/store_statistics.ts";

const STATISTICS: StoreStatistics = {
  file: "/d/quetzal.sqlite",
  isBrokerRunning: true,
  schemaVersion: 1,
  fileBytes: 1_048_576,
  logBytes: 0,
  pages: 256,
  freePages: 128,
  pageBytes: 4096,
  sessions: {
    total: 1200,
    connected: 1000,
    away: 200,
    expiry: { never: 190, laterThanADay: 4, withinADay: 3, withinAnHour: 2, over: 1 },
  },
  subscriptions: 2400,
  messages: { queued: 10_000, inFlight: 20, bytes: 5_000_000 },
  bodies: { count: 7, bytes: 1536 },
  retainedMessages: 30,
  incomingQoS2: 5,
  wills: { held: 6, delayed: 8 },
  queuesTotal: 2,
  queues: [
    { clientId: "sensor", messages: 9_000, bytes: 900_000, oldestReceivedAtMs: 0 },
    { clientId: "forged\nline", messages: 1, bytes: 5, oldestReceivedAtMs: null },
  ],
};

Deno.test("describeStatistics() shows every number, and lets no Client Identifier forge a line", () => {
  assertEquals(describeStatistics(STATISTICS, 3 * 3_600_000), [
    "store                 /d/quetzal.sqlite (schema 1)",
    "broker                one runs on it",
    "file                  1.0 MiB, of which 512.0 KiB free",
    "write-ahead log       0 bytes",
    "sessions              1,200: 1,000 connected, 200 away",
    "expiry of those away  190 never, 4 in more than a day, 3 within a day, 2 within an hour, 1 over",
    "subscriptions         2,400",
    "messages              10,000 queued, 20 in flight",
    "shared bodies         7, 1.5 KiB",
    "retained messages     30",
    "incoming QoS 2        5 Packet Identifiers",
    "wills                 6 of connected Clients, 8 delayed",
    "",
    "The queues, with what is in flight:",
    "CLIENT        MESSAGES  BYTES      OLDEST",
    "sensor        9,000     878.9 KiB  3 h ago",
    "forged\\nline  1         5 bytes    cannot be read",
  ]);
});

Deno.test("describeStatistics() says how many queues there are besides those that it shows", () => {
  const lines = describeStatistics({ ...STATISTICS, queuesTotal: 1234 }, 0);
  assertEquals(lines.at(-4), "The 2 largest of 1,234 queues, with what is in flight:");
});

Deno.test("describeStatistics() shows no table without queues", () => {
  assertEquals(describeStatistics({ ...STATISTICS, queuesTotal: 0, queues: [] }, 0).length, 12);
});

const BYTES: [number, string][] = [
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1024, "1.0 KiB"],
  [1024 ** 3, "1.0 GiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
];
for (const [bytes, expected] of BYTES) {
  Deno.test(`formatBytes(${bytes}) is ${expected}`, () => assertEquals(formatBytes(bytes), expected));
}

Deno.test("count() parts thousands", () => {
  assertEquals([0, 999, 1_000_000].map(count), ["0", "999", "1,000,000"]);
});
