/** The numbers of a store as lines for people. Room: pure. @module */

import type { StoreStatistics } from "../persistence/store_statistics.ts";
import { table } from "./answer.ts";

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];
const DURATIONS: readonly [unit: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];
const COLUMN = 22;

/** @param nowMs the wall clock. */
export function describeStatistics(statistics: StoreStatistics, nowMs: number): string[] {
  const { sessions, messages, bodies, wills, queuesTotal, queues } = statistics;
  const { never, laterThanADay, withinADay, withinAnHour, over } = sessions.expiry;
  const rows: [name: string, value: string][] = [
    ["store", `${statistics.file} (schema ${statistics.schemaVersion})`],
    ["broker", statistics.isBrokerRunning ? "one runs on it" : "none runs on it"],
    ["file", `${formatBytes(statistics.fileBytes)}, of which ${formatBytes(freeBytes(statistics))} free`],
    ["write-ahead log", formatBytes(statistics.logBytes)],
    ["sessions", `${count(sessions.total)}: ${count(sessions.connected)} connected, ${count(sessions.away)} away`],
    [
      "expiry of those away",
      `${count(never)} never, ${count(laterThanADay)} in more than a day, ${count(withinADay)} within a day, ` +
      `${count(withinAnHour)} within an hour, ${count(over)} over`,
    ],
    ["subscriptions", count(statistics.subscriptions)],
    ["messages", `${count(messages.queued)} queued, ${count(messages.inFlight)} in flight`],
    ["shared bodies", `${count(bodies.count)}, ${formatBytes(bodies.bytes)}`],
    ["retained messages", count(statistics.retainedMessages)],
    ["incoming QoS 2", `${count(statistics.incomingQoS2)} Packet Identifiers`],
    ["wills", `${count(wills.held)} of connected Clients, ${count(wills.delayed)} delayed`],
  ];
  const lines = rows.map(([name, value]) => name.padEnd(COLUMN) + value);
  if (queues.length === 0) return lines;
  const queueRows = queues.map((queue) => [
    queue.clientId,
    count(queue.messages),
    formatBytes(queue.bytes),
    queue.oldestReceivedAtMs === null ? "cannot be read" : formatAge(nowMs - queue.oldestReceivedAtMs),
  ]);
  return [
    ...lines,
    "",
    queuesTotal > queues.length
      ? `The ${count(queues.length)} largest of ${count(queuesTotal)} queues, with what is in flight:`
      : "The queues, with what is in flight:",
    ...table(["CLIENT", "MESSAGES", "BYTES", "OLDEST"], queueRows),
  ];
}

/** 1234567 → "1,234,567" */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** 1536 → "1.5 KiB" */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} bytes` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

function freeBytes({ freePages, pageBytes }: StoreStatistics): number {
  return freePages * pageBytes;
}

/** In the largest unit: "3 h ago". */
function formatAge(ms: number): string {
  for (const [unit, unitMs] of DURATIONS) if (ms >= unitMs) return `${Math.floor(ms / unitMs)} ${unit} ago`;
  return "just now";
}
