/** How Home Assistant learns of a station by itself: MQTT discovery of a whole device, one retained message on
 * `<prefix>/device/<object id>/config` (https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload; since
 * Home Assistant 2024.11). Names stand there in full, where it would also take abbreviations. Room: pure. @module */

import { VERSION } from "../../config/version.ts";
import type { StationFacts } from "./station_facts.ts";
import { OFFLINE, ONLINE, type StationMessage, type StationTopics } from "./station_messages.ts";

export const HOME_ASSISTANT_PREFIX = "homeassistant";

interface Sensor {
  /** Of its identifiers. */
  readonly key: string;
  readonly name: string;
  /** Of the JSON state. */
  readonly template: string;
  readonly deviceClass?: string;
  readonly stateClass?: string;
  readonly unit?: string;
  readonly icon?: string;
}

const SENSORS: readonly Sensor[] = [
  {
    key: "cpu",
    name: "CPU",
    template: "{{ value_json.cpu.busyPercent }}",
    stateClass: "measurement",
    unit: "%",
    icon: "mdi:cpu-64-bit",
  },
  {
    key: "load",
    name: "Load",
    template: "{{ value_json.cpu.loadAverages[0] if value_json.cpu.loadAverages else none }}",
    stateClass: "measurement",
    icon: "mdi:gauge",
  },
  {
    key: "memory",
    name: "Memory used",
    template: "{{ value_json.memory.usedPercent }}",
    stateClass: "measurement",
    unit: "%",
    icon: "mdi:memory",
  },
  {
    key: "memory_available",
    name: "Memory available",
    template: "{{ value_json.memory.availableBytes }}",
    deviceClass: "data_size",
    stateClass: "measurement",
    unit: "B",
  },
  {
    key: "uptime",
    name: "Uptime",
    template: "{{ value_json.uptimeS }}",
    deviceClass: "duration",
    stateClass: "measurement",
    unit: "s",
  },
  {
    key: "address",
    name: "Address",
    template: "{{ value_json.network[0].address if value_json.network else none }}",
    icon: "mdi:ip-network",
  },
];

/** How many intervals may pass without a reading before it is taken for unknown. */
const MISSED_INTERVALS = 3;

/** The retained message that announces a station. An empty one on the same topic would take it away.
 * @param intervalS 0 = one reading, which never ages. */
export function discoveryMessage(
  prefix: string,
  clientId: string,
  facts: StationFacts,
  topics: StationTopics,
  intervalS: number,
): StationMessage {
  const id = objectId(clientId);
  const payload = {
    device: {
      identifiers: [id],
      name: facts.host,
      model: `${facts.os.name} ${facts.os.architecture}`,
      hw_version: facts.cpu.model,
      sw_version: facts.os.release,
    },
    origin: { name: "Quetzal", sw_version: VERSION },
    availability_topic: topics.status,
    payload_available: ONLINE,
    payload_not_available: OFFLINE,
    state_topic: topics.state,
    components: Object.fromEntries(SENSORS.map((sensor) => [sensor.key, component(id, sensor, intervalS)])),
  };
  return { topicName: `${prefix}/device/${id}/config`, payload: JSON.stringify(payload) };
}

function component(id: string, sensor: Sensor, intervalS: number) {
  return {
    platform: "sensor",
    unique_id: `${id}_${sensor.key}`,
    name: sensor.name,
    value_template: sensor.template,
    device_class: sensor.deviceClass,
    state_class: sensor.stateClass,
    unit_of_measurement: sensor.unit,
    icon: sensor.icon,
    entity_category: "diagnostic",
    expire_after: intervalS === 0 ? undefined : Math.ceil(intervalS * MISSED_INTERVALS),
  };
}

/** Home Assistant takes letters, digits, `_` and `-` in the topic. */
export function objectId(clientId: string): string {
  return clientId.replace(/[^a-zA-Z0-9_-]/g, "_") || "station";
}
