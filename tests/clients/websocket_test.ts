/** Real clients over WebSocket, against the program as a process. @module */

import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import mqtt from "mqtt";
import type { QoS } from "../../src/packet/mod.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { messageOf, received, VERSION_NAMES, VERSIONS } from "./support.ts";
import { patiently } from "./client_program.ts";
import { mqttJs } from "./mqtt_js.ts";
import { WebSocketProgram } from "./websocket_program.ts";

/** Where all programs are installed: there none may be missing. */
const inCi = Deno.env.get("CI") === "true";
const QOS: readonly QoS[] = [0, 1, 2];

Deno.test("MQTT.js over ws: every version and QoS, also to and from TCP", async (t) => {
  await using broker = await WebSocketProgram.start();
  for (const version of VERSIONS) {
    for (const qos of QOS) {
      await t.step(`${VERSION_NAMES[version]} at QoS ${qos}`, async () => {
        const options = { version, topicFilters: ["web/+"], qos };
        await using overWebSocket = await mqttJs.subscribe(broker.webSocketUrl, { ...options, clientId: "ws" });
        await using overTcp = await mqttJs.subscribe(broker.program.url, { ...options, clientId: "tcp" });
        const fromWebSocket = messageOf("web/socket", "héllo", { qos });
        await mqttJs.publish(broker.webSocketUrl, version, fromWebSocket);
        assertEquals(await received(overTcp), fromWebSocket);
        assertEquals(await received(overWebSocket), fromWebSocket);
        const fromTcp = messageOf("web/tcp", "hello", { qos });
        await mqttJs.publish(broker.program.url, version, fromTcp);
        assertEquals(await received(overWebSocket), fromTcp);
      });
    }
  }
});

Deno.test("MQTT.js over ws: a payload of 5 MiB there and back, byte by byte the same", async () => {
  await using broker = await WebSocketProgram.start();
  const payload = new Uint8Array(5 * 2 ** 20);
  for (let at = 0; at < payload.length; at += 65_536) crypto.getRandomValues(payload.subarray(at, at + 65_536));
  const options = { version: 5 as const, clientId: "large", topicFilters: ["large"], qos: 1 as const };
  await using subscriber = await mqttJs.subscribe(broker.webSocketUrl, options);
  await mqttJs.publish(broker.webSocketUrl, 5, { ...messageOf("large", ""), payload });
  const message = await received(subscriber);
  assertEquals(await digestOf(message.payload), await digestOf(payload));
});

Deno.test({
  name: `MQTT.js over wss, with the broker's certificate checked${HAS_OPENSSL ? "" : " (skipped: no openssl)"}`,
  ignore: !HAS_OPENSSL && !inCi,
  fn: async () => {
    const authority = TestAuthority.make();
    try {
      await using broker = await WebSocketProgram.start([], authority.server());
      const url = broker.webSocketUrl.href;
      const ca = [await Deno.readTextFile(authority.caFile)];
      const payload = Buffer.alloc(1_000_000, 7);
      for (const protocolVersion of [4, 5] as const) {
        const client = await patiently(mqtt.connectAsync(url, { ca, protocolVersion, reconnectPeriod: 0 }));
        const message = new Promise<Buffer>((resolve) => client.on("message", (_topic, payload) => resolve(payload)));
        await client.subscribeAsync("secure", { qos: 2 });
        await client.publishAsync("secure", payload, { qos: 2 });
        assert(payload.equals(await patiently(message)));
        await client.endAsync();
      }
      const stranger = mqtt.connect(url, { reconnectPeriod: 0 });
      stranger.on("error", () => {});
      await patiently(new Promise((resolve) => stranger.once("close", () => resolve(undefined))));
      assertEquals(stranger.connected, false);
      await stranger.endAsync(true);
    } finally {
      authority.remove();
    }
  },
});

Deno.test("MQTT.js over ws: the Will is sent when the connection ends without DISCONNECT", async () => {
  await using broker = await WebSocketProgram.start();
  await using subscriber = await mqttJs.subscribe(broker.webSocketUrl, {
    version: 5,
    clientId: "heir",
    topicFilters: ["will"],
    qos: 1,
  });
  const will = messageOf("will", "gone");
  const options = { version: 5 as const, clientId: "mortal", topicFilters: ["x"], qos: 1 as const, will };
  const mortal = await mqttJs.subscribe(broker.webSocketUrl, options);
  await mortal.kill();
  assertEquals(await received(subscriber), will);
});

Deno.test("MQTT.js over ws at another path is refused, and the log says which it is", async () => {
  await using broker = await WebSocketProgram.start();
  const url = new URL("/elsewhere", broker.webSocketUrl);
  const client = mqtt.connect(url.href, { reconnectPeriod: 0 });
  await patiently(new Promise((resolve) => client.once("close", () => resolve(undefined))));
  await patiently(broker.program.complaints.until(/MQTT over WebSocket is at \/mqtt/));
  assertEquals(client.connected, false);
  await client.endAsync(true);
});

/** Says "received: …" when its own message has come back. */
const PAHO = `
import sys
import paho.mqtt.client as mqtt
host, port, version = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
arguments = {"client_id": "paho", "protocol": version, "transport": "websockets"}
if hasattr(mqtt, "CallbackAPIVersion"):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, **arguments)
else:
    client = mqtt.Client(**arguments)
client.ws_set_options(path="/mqtt")
client.on_connect = lambda client, *rest: client.subscribe("paho", 2)
client.on_subscribe = lambda client, *rest: client.publish("paho", "x" * 100000, 2)
def on_message(client, userdata, message):
    print("received:", len(message.payload), "at", message.qos)
    client.disconnect()
client.on_message = on_message
client.connect(host, port)
client.loop_forever()
`;
const python = await pythonWithPaho();

Deno.test({
  name: `Paho over ws, which always names an Origin${
    python === undefined ? " (skipped: no Python has paho.mqtt)" : ""
  }`,
  ignore: python === undefined && !inCi,
  fn: async () => {
    assert(python !== undefined, "CI=true, and no Python has paho.mqtt");
    await using broker = await WebSocketProgram.start();
    for (const version of VERSIONS) {
      // "localhost" is a name, "127.0.0.1" an address: Paho's Origin is https:// and that.
      for (const host of ["localhost", "127.0.0.1"]) {
        const { success, stdout, stderr } = await new Deno.Command(python, {
          args: ["-W", "ignore", "-c", PAHO, host, broker.webSocketUrl.port, `${version}`],
          signal: AbortSignal.timeout(30_000),
        }).output();
        const said = new TextDecoder().decode(stdout);
        assert(success && said === "received: 100000 at 2\n", `${said}${new TextDecoder().decode(stderr)}`);
      }
    }
  },
});

async function pythonWithPaho(): Promise<string | undefined> {
  for (const command of ["python3", "/usr/bin/python3", "python"]) {
    try {
      const { success } = await new Deno.Command(command, { args: ["-c", "import paho.mqtt.client"], stderr: "null" })
        .output();
      if (success) return command;
    } catch {
      // There is no such program.
    }
  }
  return undefined;
}

async function digestOf(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
}
