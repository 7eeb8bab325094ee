/** What `station` was asked to do. In: options. Out: a plan without gaps. Room: pure. @module */

import type { QoS } from "../../packet/control_packet.ts";
import { isValidTopicName } from "../../topic/topic_name.ts";
import { UsageError } from "../arguments.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { flagOf, lastOf, qosOption, secondsOption } from "./given_values.ts";
import { HOME_ASSISTANT_PREFIX } from "./station_home_assistant.ts";

export const STATION_PREFIX = "station";
const INTERVAL_S = 10;
const INTERVAL_S_MAX = 7 * 24 * 3600;

export const STATION_OPTIONS: readonly ClientOption[] = [
  {
    name: "interval",
    valueNames: ["SECONDS"],
    about: `how often it says how it is; default ${INTERVAL_S}`,
    example: "--interval 60",
  },
  {
    name: "topic",
    short: "t",
    valueNames: ["PREFIX"],
    about: `publish below PREFIX/ID, ID being the Client Identifier; default ${STATION_PREFIX}`,
    example: "-t greenhouse/machines",
  },
  {
    name: "qos",
    short: "q",
    valueNames: ["0|1|2"],
    about: "of the readings; default 0, with --outbox 1",
    example: "-q 1",
  },
  { name: "retain", short: "r", about: "the broker keeps the last reading for later subscribers", example: "-r" },
  {
    name: "home-assistant",
    about: "announce it to Home Assistant (MQTT discovery of a device, since Home Assistant 2024.11)",
    example: "--home-assistant",
  },
  {
    name: "home-assistant-prefix",
    valueNames: ["PREFIX"],
    about: `the same, where discovery has another topic than ${HOME_ASSISTANT_PREFIX}`,
    example: "--home-assistant-prefix ha",
  },
  {
    name: "outbox",
    valueNames: ["FOLDER"],
    about:
      "keep readings (the JSON of each) in this folder until the broker has acknowledged them: over times without a " +
      "connection, and over losses of power",
    example: "--outbox /var/lib/quetzal-station",
  },
  {
    name: "drop-after",
    valueNames: ["SECONDS"],
    about: "cut the connection after this time without DISCONNECT, so that the broker sends the Will Message, and end",
    example: "--drop-after 5",
  },
  { name: "once", about: "one reading, and end", example: "--once -r" },
  ...CONNECTION_OPTIONS,
];

export interface StationPlan {
  readonly intervalS: number;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly isOnce: boolean;
  readonly dropAfterS: number | undefined;
  readonly discoveryPrefix: string | undefined;
}

/** @throws UsageError */
export function readStationPlan(given: GivenClientOptions, hasOutbox: boolean): StationPlan {
  const qos = qosOption(given, "qos");
  if (given.operands.length > 0) {
    throw new UsageError(`"${given.operands[0]}" stands alone; station takes options only`);
  }
  if (hasOutbox && qos === 0) {
    throw new UsageError("--outbox keeps what the broker has not acknowledged, and at QoS 0 nothing is; use -q 1");
  }
  const isOnce = flagOf(given, "once");
  const intervalS = secondsOption(given, "interval", 0.1, INTERVAL_S_MAX);
  const dropAfterS = secondsOption(given, "drop-after", 0, INTERVAL_S_MAX);
  if (isOnce && (intervalS !== undefined || dropAfterS !== undefined)) {
    throw new UsageError("--once is one reading: --interval and --drop-after mean nothing with it");
  }
  const prefix = lastOf(given, "home-assistant-prefix");
  if (prefix !== undefined && !isValidTopicName(prefix)) {
    throw new UsageError(`--home-assistant-prefix ${prefix}: it is the beginning of a topic, without + and #`);
  }
  return {
    intervalS: isOnce ? 0 : intervalS ?? INTERVAL_S,
    qos: qos ?? (hasOutbox ? 1 : 0),
    retain: flagOf(given, "retain"),
    isOnce,
    dropAfterS,
    discoveryPrefix: prefix ?? (flagOf(given, "home-assistant") ? HOME_ASSISTANT_PREFIX : undefined),
  };
}
