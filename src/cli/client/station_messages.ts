/** Facts of this machine → messages: one of JSON with all of them, and one for each fact that a dashboard would show by
 * itself. Room: pure. @module */

import type { StationFacts } from "./station_facts.ts";

export interface StationMessage {
  readonly topicName: string;
  readonly payload: string;
}

export const ONLINE = "online";
export const OFFLINE = "offline";

/** Topics of one station: `station/<client id>/…`. */
export class StationTopics {
  /** Birth message and Will Message. */
  readonly status: string;
  /** All facts, as JSON. */
  readonly state: string;

  /** @param root a Topic Name without a slash at its end. */
  constructor(readonly root: string) {
    this.status = `${root}/status`;
    this.state = `${root}/state`;
  }

  /** The JSON of all first; what is not known has no topic of its own. */
  messages(facts: StationFacts): StationMessage[] {
    const { os, cpu, memory } = facts;
    const values: [topic: string, value: string | number | null | undefined][] = [
      ["host", facts.host],
      ["os", `${os.name} ${os.release} ${os.architecture}`],
      ["cpu/model", cpu.model],
      ["cpu/cores", cpu.cores],
      ["cpu/busy_percent", cpu.busyPercent],
      ["cpu/load_1", cpu.loadAverages?.[0]],
      ["cpu/load_5", cpu.loadAverages?.[1]],
      ["cpu/load_15", cpu.loadAverages?.[2]],
      ["memory/total_bytes", memory.totalBytes],
      ["memory/available_bytes", memory.availableBytes],
      ["memory/used_percent", memory.usedPercent],
      ["uptime_s", facts.uptimeS],
      ...addresses(facts),
    ];
    const known = values.filter(([, value]) => value !== null && value !== undefined);
    return [
      { topicName: this.state, payload: JSON.stringify(facts) },
      ...known.map(([topic, value]) => ({ topicName: `${this.root}/${topic}`, payload: String(value) })),
    ];
  }
}

/** "network/eth0/ipv4" → "192.168.1.2 10.0.0.2" */
function addresses({ network }: StationFacts): [topic: string, addresses: string][] {
  const byTopic = Map.groupBy(
    network,
    (entry) => `network/${topicLevel(entry.interface)}/${entry.family.toLowerCase()}`,
  );
  return [...byTopic].map(([topic, entries]) => [topic, entries.map(({ address }) => address).join(" ")]);
}

/** What may be any text, as one level of a Topic Name: "Ethernet 2", "a/b", "+". */
export function topicLevel(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[/+#\u0000-\u001f\u007f-\u009f]/g, "_").replace(/^\$/, "_") || "_";
}
