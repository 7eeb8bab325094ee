/** Pages in a real browser: Chromium without a window, with MQTT.js as browsers load it. @module */

import { assert, assertEquals } from "@std/assert";
import { ProcessOutput } from "../support/process_output.ts";
import { patiently } from "./client_program.ts";
import { WebSocketProgram } from "./websocket_program.ts";

/** A stranger's name, which means this machine for the browser of the test: DNS rebinding. */
const STRANGER = "stranger.test";
const COMMANDS = ["chromium", "chromium-browser", "google-chrome"];
const command = await findChromium();
const missing = command === undefined ? "no Chromium: apt-get install chromium" : undefined;

function chromiumTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && Deno.env.get("CI") !== "true",
    fn: async () => {
      assert(missing === undefined, `CI=true, and ${missing}`);
      await fn();
    },
  });
}

async function findChromium(): Promise<string | undefined> {
  for (const name of COMMANDS) {
    try {
      const { success } = await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      if (success) return name;
    } catch {
      // There is no such program.
    }
  }
  return undefined;
}

/** Opens a page in which `script`, the body of an async function, runs with `url` and MQTT.js as `mqtt`.
 * @param host by which the browser asks for the page.
 * @returns what the script returned. */
async function inPage(host: string, url: string, script: string): Promise<unknown> {
  const outcome = Promise.withResolvers<{ value?: unknown; error?: string }>();
  const library = await Deno.readTextFile(new URL("../dist/mqtt.min.js", import.meta.resolve("mqtt")));
  const page = `<!doctype html><meta charset="utf-8"><title>test</title><script src="/mqtt.min.js"></script><script>
    const tell = (outcome) => fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
    (async (url) => { ${script} })(${JSON.stringify(url)}).then(
      (value) => tell({ value }), (error) => tell({ error: String(error && error.stack || error) }));
  </script>`;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    switch (new URL(request.url).pathname) {
      case "/":
        return new Response(page, { headers: { "Content-Type": "text/html" } });
      case "/mqtt.min.js":
        return new Response(library, { headers: { "Content-Type": "text/javascript" } });
      case "/outcome":
        outcome.resolve(await request.json());
        return new Response();
      default:
        return new Response(null, { status: 404 });
    }
  });
  const folder = await Deno.makeTempDir({ prefix: "quetzal-chromium-" });
  const browser = new Deno.Command(command!, {
    args: [
      "--headless",
      "--no-sandbox", // tests run as root in containers
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--no-proxy-server",
      `--user-data-dir=${folder}`,
      `--host-resolver-rules=MAP ${STRANGER} 127.0.0.1`,
      `http://${host}:${server.addr.port}/`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const complaints = new ProcessOutput(browser.stderr);
  try {
    const early = browser.status.then(({ code }) => {
      throw new Error(`Chromium ended with ${code}: ${complaints.text}`);
    });
    const { value, error } = await patiently(Promise.race([outcome.promise, early]));
    if (error !== undefined) throw new Error(`in the page: ${error}`);
    return value;
  } finally {
    try {
      browser.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await browser.status;
    await complaints.ended;
    await Deno.remove(folder, { recursive: true }).catch(() => {
      // A helper of the browser still writes there; the system's folder for temporary files is emptied anyway.
    });
  }
}

/** Subscribes, publishes at each QoS and a payload of many frames, and tells what came back. */
const ROUND_TRIP = `
  const told = {};
  for (const protocolVersion of [3, 4, 5]) {
    const protocolId = protocolVersion === 3 ? "MQIsdp" : "MQTT";
    const client = await mqtt.connectAsync(url, { protocolVersion, protocolId, reconnectPeriod: 0, clientId: "page" });
    const received = [];
    const all = new Promise((resolve) => client.on("message", (topic, payload, packet) => {
      received.push([topic, packet.qos, payload.length, payload[payload.length - 1]]);
      if (received.length === 4) resolve();
    }));
    await client.subscribeAsync("page/#", { qos: 2 });
    for (const qos of [0, 1, 2]) await client.publishAsync("page/" + qos, new Uint8Array([9, 8, qos]), { qos });
    await client.publishAsync("page/large", new Uint8Array(1000000).fill(7), { qos: 1 });
    await all;
    await client.endAsync();
    told[protocolVersion] = received;
  }
  return told;
`;

chromiumTest(
  "A page in Chromium with MQTT.js over ws: every version and QoS, and a payload of a megabyte",
  async () => {
    await using broker = await WebSocketProgram.start();
    const expected = [["page/0", 0, 3, 0], ["page/1", 1, 3, 1], ["page/2", 2, 3, 2], ["page/large", 1, 1_000_000, 7]];
    const told = await inPage("127.0.0.1", broker.webSocketUrl.href, ROUND_TRIP);
    assertEquals(told, { 3: expected, 4: expected, 5: expected });
  },
);

/** "open", or the code with which it was closed. */
const OUTCOME = `
  return await new Promise((resolve) => {
    const socket = new WebSocket(url, ["mqtt"]);
    socket.onopen = () => resolve("open");
    socket.onclose = (event) => resolve(event.code);
  });
`;

chromiumTest("A stranger's page in Chromium does not reach a broker on this machine, under no name", async () => {
  await using broker = await WebSocketProgram.start();
  const { port } = broker.webSocketUrl;
  // 1006: it never was open.
  assertEquals(await inPage(STRANGER, `ws://127.0.0.1:${port}/mqtt`, OUTCOME), 1006);
  assertEquals(await inPage(STRANGER, `ws://${STRANGER}:${port}/mqtt`, OUTCOME), 1006);
  await patiently(broker.program.complaints.until(new RegExp(`pages from "http://${STRANGER}:.*\n.*pages from`)));
  assertEquals(await inPage("localhost", `ws://127.0.0.1:${port}/mqtt`, OUTCOME), "open");
});

chromiumTest("A page in Chromium sees the codes with which a broker closes", async () => {
  await using broker = await WebSocketProgram.start();
  const codes = await inPage(
    "127.0.0.1",
    broker.webSocketUrl.href,
    `
    const closed = (send) => new Promise((resolve) => {
      const socket = new WebSocket(url, ["mqtt"]);
      socket.onopen = () => send(socket);
      socket.onclose = (event) => resolve([event.code, event.wasClean]);
    });
    return [
      await closed((socket) => socket.send("text")),
      await closed((socket) => socket.close(4000, "done")),
      await closed((socket) => socket.send(new Uint8Array([0xe0, 0x00]))), // DISCONNECT is not CONNECT
    ];
  `,
  );
  assertEquals(codes, [[1003, true], [4000, true], [1000, true]]);
});
