/** One job in this process: warm up, measure, say what came of it. @module */

import process from "node:process";
import type { Contestant } from "./contestant.ts";
import type { ClientJob, ClientResult } from "./job.ts";
import { newMqttJs } from "./mqtt_js_contestant.ts";
import { newQuetzal } from "./quetzal_contestant.ts";

/** A subscriber that gets nothing for so long is forgotten by its broker. */
const SILENCE_MS = 20_000;

export async function contest(job: ClientJob): Promise<ClientResult> {
  const contestant = await (job.contestant === "quetzal" ? newQuetzal : newMqttJs)(job);
  try {
    return await RUNS[job.task](contestant, job);
  } finally {
    contestant.end();
  }
}

const RUNS = { "publish-qos0": publish, "subscribe-qos0": subscribe, "publish-qos1": publishAcknowledged };

async function publish(contestant: Contestant, job: ClientJob): Promise<ClientResult> {
  const payload = new Uint8Array(job.payloadBytes);
  const until = async (endMs: number, messagesMax: number) => {
    let messages = 0;
    while (messages < messagesMax && performance.now() < endMs) {
      await contestant.publishBatch(payload, job.inFlight);
      messages += job.inFlight;
      // A program has other things to do, too; and sockets are served by the event loop alone.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await contestant.settle();
    return messages;
  };
  await until(performance.now() + job.warmUpSeconds * 1000, Infinity);
  const measured = measure();
  return measured(await until(performance.now() + job.seconds * 1000, job.messagesMax));
}

async function publishAcknowledged(contestant: Contestant, job: ClientJob): Promise<ClientResult> {
  const payload = new Uint8Array(job.payloadBytes);
  const until = (endMs: number, messagesMax: number) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    let begun = 0;
    let done = 0;
    const begin = () => {
      begun++;
      contestant.publishAcknowledged(payload, acknowledged);
    };
    const acknowledged = () => {
      done++;
      // Asked now and then: the clock costs, too.
      if (begun < messagesMax && (done % 64 !== 0 || performance.now() < endMs)) begin();
      else if (messagesMax > begun) messagesMax = begun;
      if (done === begun) resolve(done);
    };
    for (let i = Math.min(job.inFlight, messagesMax); i > 0; i--) begin();
    return promise;
  };
  if (job.warmUpSeconds > 0) await until(performance.now() + job.warmUpSeconds * 1000, Infinity);
  const measured = measure();
  return measured(await until(performance.now() + job.seconds * 1000, job.messagesMax));
}

async function subscribe(contestant: Contestant, job: ClientJob): Promise<ClientResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientResult>();
  const silence = setTimeout(() => reject(new Error("nothing comes")), SILENCE_MS);
  let messages = 0;
  let measured: ((messages: number) => ClientResult) | undefined;
  let endMs = performance.now() + job.warmUpSeconds * 1000;
  await contestant.subscribe((payloadBytes) => {
    if (payloadBytes !== job.payloadBytes) reject(new Error(`a message of ${payloadBytes} bytes`));
    messages++;
    const isFull = measured !== undefined && messages >= job.messagesMax;
    if (!isFull && (messages % 64 !== 0 || performance.now() < endMs)) return;
    if (measured === undefined) {
      messages = 0;
      measured = measure();
      endMs = performance.now() + job.seconds * 1000;
    } else resolve(measured(messages));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(silence);
  }
}

/** Begins to measure. @returns what ends it. */
function measure(): (messages: number) => ClientResult {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  return (messages) => {
    const { user, system } = process.cpuUsage(cpu);
    return { messages, seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
}
