/** `station`, with a whole broker. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { StationFacts } from "../../../src/cli/client/station_facts.ts";
import { ProcessOutput } from "../../support/process_output.ts";
import { TemporaryFolder } from "../../support/store_files.ts";
import { TableAuthorizer } from "../../support/table_authorizer.ts";
import { freePort, type Inbox, PATIENCE_MS, RunningBroker } from "./running_broker.ts";
import { cli } from "./support.ts";

const WINDOWS = Deno.build.os === "windows";
const ROOT = new URL("../../../", import.meta.url);

/** `station` as a process of its own, which can be asked to end, and killed. */
class StationProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly printed: ProcessOutput;
  readonly complaints: ProcessOutput;

  constructor(args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts", "station", ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.printed = new ProcessOutput(this.#process.stdout);
    this.complaints = new ProcessOutput(this.#process.stderr);
  }

  async end(signal: Deno.Signal): Promise<number> {
    this.#process.kill(signal);
    const { code } = await deadline(this.#process.status, PATIENCE_MS);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await Promise.all([this.printed.ended, this.complaints.ended]);
  }
}

function stateOf(inbox: Inbox, id: string): StationFacts {
  return JSON.parse(inbox.on(`station/${id}/state`)[0]);
}

for (const version of ["5", "311"]) {
  Deno.test(`station --once says how this machine is, as JSON and by topics, MQTT ${version}`, async () => {
    await using broker = await RunningBroker.start();
    const inbox = await broker.listen("#");
    const result = await cli(["station", ...broker.place, "-i", "sensor-1", "--once", "-V", version]);
    assertEquals([result.code, result.complaints], [0, ""]);
    assertEquals(result.printed, `sensor-1 at mqtt://127.0.0.1:${broker.port}, on station/sensor-1/…\n`);
    await inbox.until((message) => message.text() === "offline");
    assertEquals(inbox.on("station/sensor-1/status"), ["online", "offline"]);
    const facts = stateOf(inbox, "sensor-1");
    assertEquals([facts.host, facts.os.name], [Deno.hostname(), Deno.build.os]);
    assert(facts.cpu.busyPercent !== null && facts.cpu.busyPercent >= 0 && facts.cpu.busyPercent <= 100);
    assertEquals(inbox.on("station/sensor-1/host"), [Deno.hostname()]);
    assertEquals(inbox.on("station/sensor-1/memory/used_percent"), [String(facts.memory.usedPercent)]);
    assertEquals(inbox.on("station/sensor-1/cpu/load_1").length, WINDOWS ? 0 : 1);
    for (const { topicName, retain, qos } of inbox.messages) {
      assertEquals([retain, qos], topicName.endsWith("/status") ? [true, 1] : [false, 0], topicName);
    }
  });
}

Deno.test("station --once -r -q 1 -t PREFIX leaves retained readings below the prefix", async () => {
  await using broker = await RunningBroker.start();
  await cli(["station", ...broker.place, "-i", "a/b", "--once", "-r", "-q", "1", "-t", "house/machines"]);
  const inbox = await broker.listen("#");
  const state = await inbox.until(({ topicName }) => topicName === "house/machines/a_b/state");
  assertEquals([state.retain, state.qos, state.properties.contentType], [true, 1, "application/json"]);
  assertEquals(inbox.messages.filter(({ topicName }) => !topicName.startsWith("house/machines/a_b/")), []);
});

Deno.test("station --drop-after cuts the connection: the broker says that it is gone", async () => {
  await using broker = await RunningBroker.start();
  const inbox = await broker.listen("station/#");
  const { code } = await cli(["station", ...broker.place, "-i", "s", "--drop-after", "0.7", "--interval", "0.1"]);
  assertEquals(code, 0);
  const will = await inbox.until((message) => message.text() === "offline");
  assertEquals([will.topicName, will.retain], ["station/s/status", true]);
  assertEquals(inbox.on("station/s/status"), ["online", "offline"]);
  assert(inbox.on("station/s/state").length > 0);
});

Deno.test("station --will-topic takes the place of its own Will Message", async () => {
  await using broker = await RunningBroker.start();
  const inbox = await broker.listen("#");
  const will = ["--will-topic", "w", "--will-payload", "gone"];
  await cli(["station", ...broker.place, "-i", "s", "--drop-after", "0.1", ...will]);
  assertEquals((await inbox.until(({ topicName }) => topicName === "w")).text(), "gone");
  assertEquals(inbox.on("station/s/status"), ["online"]);
});

Deno.test("station takes its name from -i, else from its profile, else from the machine", async () => {
  await using broker = await RunningBroker.start();
  using folder = new TemporaryFolder();
  const environment: Record<string, string> = { [WINDOWS ? "APPDATA" : "XDG_CONFIG_HOME"]: folder.path };
  for (
    const [profile, options, name] of [
      [["-i", "saved"], ["--profile", "p"], "saved"],
      [["-i", "saved"], ["--profile", "p", "-i", "said"], "said"],
      [["-k", "30"], ["--profile", "p"], Deno.hostname()],
      [[], [], Deno.hostname()],
    ]
  ) {
    const inbox = await broker.listen("station/+/host");
    await cli(["profile", "save", "p", ...profile], { environment });
    const { code } = await cli(["station", ...broker.place, "--once", ...options], { environment });
    assertEquals(code, 0);
    assertEquals((await inbox.until(() => true)).topicName, `station/${name}/host`);
  }
});

Deno.test("station --home-assistant announces its sensors, retained, where Home Assistant looks", async () => {
  await using broker = await RunningBroker.start();
  for (
    const [options, prefix] of [[["--home-assistant"], "homeassistant"], [["--home-assistant-prefix", "ha"], "ha"]]
  ) {
    await cli(["station", ...broker.place, "-i", "s", "--once", ...options as string[]]);
    const inbox = await broker.listen(`${prefix}/#`);
    const config = await inbox.until(() => true);
    assertEquals([config.topicName, config.retain], [`${prefix}/device/s/config`, true]);
    const { state_topic, device, components } = config.json() as Record<string, Record<string, unknown>>;
    assertEquals([state_topic, device.name], ["station/s/state" as never, Deno.hostname()]);
    assert(Object.keys(components).length > 3);
  }
});

Deno.test("station says offline when it is asked to end", { ignore: WINDOWS }, async () => {
  await using broker = await RunningBroker.start();
  const inbox = await broker.listen("#");
  // Its own Will Message has the same text: another one shows whether the broker sent it.
  const will = ["--will-topic", "w"];
  await using station = new StationProcess([...broker.place, "-i", "s", "--interval", "0.2", ...will]);
  await inbox.until(({ topicName }) => topicName === "station/s/state");
  assertEquals(await station.end("SIGTERM"), 0);
  await inbox.until((message) => message.text() === "offline");
  assertEquals(inbox.on("station/s/status"), ["online", "offline"]);
  assertEquals(inbox.on("w"), [], "its connection ended with DISCONNECT");
});

Deno.test("station says online again after a lost connection", { ignore: WINDOWS }, async () => {
  let broker = await RunningBroker.start();
  const port = Number(broker.port);
  await using station = new StationProcess([...broker.place, "-i", "s", "--interval", "0.2"]);
  const first = await broker.listen("station/s/status");
  await first.until((message) => message.text() === "online");
  await broker[Symbol.asyncDispose]();
  broker = await RunningBroker.start(port);
  const second = await broker.listen("station/s/#");
  await second.until((message) => message.text() === "online");
  await second.until(({ topicName }) => topicName === "station/s/state");
  assertEquals(await station.end("SIGTERM"), 0);
  await broker[Symbol.asyncDispose]();
});

Deno.test("station --outbox: readings of a time without a broker come after a loss of power, each once", {
  ignore: WINDOWS,
}, async () => {
  using folder = new TemporaryFolder();
  const port = await freePort();
  const outbox = folder.file("outbox");
  const options = ["-h", "127.0.0.1", "-p", port, "-i", "s", "--outbox", outbox];
  {
    await using station = new StationProcess([...options, "--interval", "0.1"]);
    await deadline(queued(outbox, 3), PATIENCE_MS);
    await station.end("SIGKILL");
  }
  const restartedAt = new Date().toISOString();
  await using broker = await RunningBroker.start(Number(port));
  const inbox = await broker.listen("station/s/state");
  const { code, complaints } = await cli(["station", ...options, "--once"]);
  assertEquals([code, complaints], [0, ""]);
  const timeOf = (text: string) => (JSON.parse(text) as StationFacts).time;
  // They come in order: the new one is the last.
  await inbox.until((message) => timeOf(message.text()) > restartedAt);
  const times = inbox.on("station/s/state").map(timeOf);
  const before = times.filter((time) => time < restartedAt);
  assert(before.length >= 3, `${before.length} readings`);
  assertEquals(times, [...new Set(times)].toSorted());
  assertEquals(times.length, before.length + 1);
});

/** Waits until so many messages wait in the store of a running station. */
async function queued(folder: string, count: number): Promise<void> {
  for (;;) {
    const { printed } = await cli(["store", "info", "--data-dir", folder, "--json"]);
    const found = printed === "" ? 0 : (JSON.parse(printed) as { messages: { queued: number } }).messages.queued;
    if (found >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("station ends with 1 when a reading could not be published", async () => {
  const authorizer = new TableAuthorizer([{ may: "publish", topic: "station/s/state" }]);
  await using broker = await RunningBroker.start(0, { authorizer });
  const { code, complaints } = await cli(["station", ...broker.place, "-i", "s", "--once", "-q", "1"]);
  assertEquals(code, 1);
  assertStringIncludes(complaints, "a reading is lost: ");
  assertStringIncludes(complaints, "Not authorized");
});

for (
  const [line, code, complaint] of [
    ["host", 2, '"host" stands alone'],
    ["-t a/#", 2, "-t a/#: it is the beginning of a topic"],
    ["--once --interval 5", 2, "--once is one reading"],
    ["--outbox o -q 0", 2, "use -q 1"],
    ["--home-assistant-prefix +", 2, "--home-assistant-prefix +: it is the beginning"],
    ["--outbox /dev/null/o", 1, "move it away, choose another folder"],
  ] as const
) {
  Deno.test(
    `station ${line} is refused with what to do`,
    { ignore: WINDOWS && line.includes("/dev/null") },
    async () => {
      const result = await cli(["station", ...line.split(" ")]);
      assertEquals(result.code, code);
      assertStringIncludes(result.complaints, complaint);
      // What only a broker has.
      assertEquals(/--data-dir|--durability/.test(result.complaints), false);
    },
  );
}
