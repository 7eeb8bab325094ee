/** src/cli/client/station_facts.ts, station_messages.ts, station_home_assistant.ts @module */

import { assert, assertEquals } from "@std/assert";
import { busyPercent, FactsReader, isOfUse, type StationFacts } from "../../../src/cli/client/station_facts.ts";
import { discoveryMessage, objectId } from "../../../src/cli/client/station_home_assistant.ts";
import { StationTopics, topicLevel } from "../../../src/cli/client/station_messages.ts";
import { isValidTopicName } from "../../../src/topic/topic_name.ts";

const WINDOWS = Deno.build.os === "windows";

const FACTS: StationFacts = {
  host: "greenhouse",
  os: { name: "linux", release: "6.1.0", architecture: "aarch64" },
  cpu: { model: "Cortex-A72", cores: 4, busyPercent: 12.5, loadAverages: [0.5, 0.25, 0.1] },
  memory: { totalBytes: 4000, availableBytes: 1000, usedPercent: 75, swapTotalBytes: 0, swapFreeBytes: 0 },
  network: [
    { interface: "eth0", family: "IPv4", address: "192.0.2.2", mac: "02:00:00:00:00:01" },
    { interface: "eth0", family: "IPv4", address: "192.0.2.3", mac: "02:00:00:00:00:01" },
    { interface: "Ethernet #2", family: "IPv6", address: "2001:db8::2", mac: "02:00:00:00:00:02" },
  ],
  uptimeS: 3600,
  time: "2026-01-31T12:00:00.000Z",
};

Deno.test("FactsReader reads this machine, and its CPU load from the second reading on", async () => {
  const reader = new FactsReader();
  const first = reader.read();
  assertEquals([first.host, first.os.name, first.cpu.busyPercent], [Deno.hostname(), Deno.build.os, null]);
  assert(first.cpu.cores > 0 && first.uptimeS > 0);
  const { totalBytes, availableBytes, usedPercent } = first.memory;
  assert(availableBytes > 0 && availableBytes < totalBytes && usedPercent > 0 && usedPercent < 100);
  assertEquals(first.cpu.loadAverages?.length, WINDOWS ? undefined : 3);
  let busy = reader.read().cpu.busyPercent;
  // The system counts in hundredths of a second.
  while (busy === null) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    busy = reader.read().cpu.busyPercent;
  }
  assert(busy >= 0 && busy <= 100, `${busy}`);
});

Deno.test("busyPercent() is the part of the time between two readings that the cores worked", () => {
  assertEquals(busyPercent({ busyMs: 100, idleMs: 900 }, { busyMs: 150, idleMs: 1050 }), 25);
  assertEquals(busyPercent({ busyMs: 100, idleMs: 900 }, { busyMs: 100, idleMs: 900 }), null);
  // A core that was taken away.
  assertEquals(busyPercent({ busyMs: 100, idleMs: 900 }, { busyMs: 50, idleMs: 1000 }), 0);
});

Deno.test("isOfUse() leaves out loopback and link-local addresses", () => {
  const addresses = ["127.0.0.1", "::1", "169.254.1.2", "fe80::1", "febf::1", "192.0.2.1", "2001:db8::1", "fd00::1"];
  assertEquals(addresses.filter(isOfUse), ["192.0.2.1", "2001:db8::1", "fd00::1"]);
});

Deno.test("StationTopics.messages() has all facts as JSON, and one topic for each", () => {
  const messages = new StationTopics("station/sensor-1").messages(FACTS);
  for (const { topicName } of messages) assert(isValidTopicName(topicName), topicName);
  assertEquals(JSON.parse(messages[0].payload), FACTS);
  assertEquals(messages.map(({ topicName, payload }) => `${topicName}=${payload}`).slice(1), [
    "station/sensor-1/host=greenhouse",
    "station/sensor-1/os=linux 6.1.0 aarch64",
    "station/sensor-1/cpu/model=Cortex-A72",
    "station/sensor-1/cpu/cores=4",
    "station/sensor-1/cpu/busy_percent=12.5",
    "station/sensor-1/cpu/load_1=0.5",
    "station/sensor-1/cpu/load_5=0.25",
    "station/sensor-1/cpu/load_15=0.1",
    "station/sensor-1/memory/total_bytes=4000",
    "station/sensor-1/memory/available_bytes=1000",
    "station/sensor-1/memory/used_percent=75",
    "station/sensor-1/uptime_s=3600",
    "station/sensor-1/network/eth0/ipv4=192.0.2.2 192.0.2.3",
    "station/sensor-1/network/Ethernet _2/ipv6=2001:db8::2",
  ]);
});

Deno.test("StationTopics.messages() has no topic for what is not known", () => {
  const unknown = { ...FACTS, cpu: { ...FACTS.cpu, busyPercent: null, loadAverages: null }, network: [] };
  const topics = new StationTopics("s").messages(unknown).map(({ topicName }) => topicName);
  assertEquals(topics.filter((topic) => /busy|load|network/.test(topic)), []);
});

Deno.test("topicLevel() makes one level of any text", () => {
  assertEquals(["eth0", "a/b", "+", "#", "", "$SYS", "a\u0000b", "ü 2"].map(topicLevel), [
    "eth0",
    "a_b",
    "_",
    "_",
    "_",
    "_SYS",
    "a_b",
    "ü 2",
  ]);
});

Deno.test("discoveryMessage() announces a device whose sensors are read from the JSON state", () => {
  const topics = new StationTopics("station/sensor/1");
  const { topicName, payload } = discoveryMessage("homeassistant", "sensor/1", FACTS, topics, 10);
  // What Home Assistant looks for: letters, digits, underscore and hyphen.
  assert(/^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/.test(topicName));
  const config = JSON.parse(payload);
  assertEquals(config.device.identifiers, ["sensor_1"]);
  assertEquals(config.origin.name, "Quetzal");
  assertEquals([config.availability_topic, config.payload_available, config.payload_not_available], [
    "station/sensor/1/status",
    "online",
    "offline",
  ]);
  assertEquals(config.state_topic, "station/sensor/1/state");
  assertEquals(config.components.memory, {
    platform: "sensor",
    unique_id: "sensor_1_memory",
    name: "Memory used",
    value_template: "{{ value_json.memory.usedPercent }}",
    state_class: "measurement",
    unit_of_measurement: "%",
    icon: "mdi:memory",
    entity_category: "diagnostic",
    expire_after: 30,
  });
  const components = Object.values<{ unique_id: string; value_template: string }>(config.components);
  assertEquals(new Set(components.map(({ unique_id }) => unique_id)).size, components.length);
  // Each path that a template names is there.
  for (const { value_template } of components) {
    const path = /value_json\.([\w.]+)/.exec(value_template)![1].split(".");
    let value: unknown = FACTS;
    for (const key of path) value = (value as Record<string, unknown>)[key];
    assert(value !== undefined, value_template);
  }
});

Deno.test("discoveryMessage() of one reading lets it stand for ever", () => {
  const { payload } = discoveryMessage("h", "a", FACTS, new StationTopics("s"), 0);
  assert(!payload.includes("expire_after"));
  assertEquals(objectId(""), "station");
});
