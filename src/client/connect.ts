/** `connect`: from a URL to a client that is connected. @module */

import type { Client, ClientOptions } from "./client.ts";
import { makeSettings } from "./client_settings.ts";
import { parseServerUrl, plainUrl } from "./client_url.ts";
import { type ClientParts, MqttClient } from "./mqtt_client.ts";
import { type OpenStream, streamOpener } from "./open_stream.ts";
import { loadSession, type TellLost } from "./session_loader.ts";

/** Connects to a Server: `mqtt://host:1883`, `mqtts://host:8883`, `ws://host/mqtt`, `wss://host/mqtt`, `unix:/path`.
 *
 * ```ts
 * await using client = await connect("mqtt://localhost:1883", { clientId: "greenhouse" });
 * await client.publish("greenhouse/temperature", "21.5", { qos: 1, retain: true });
 * ```
 * @throws ConnectRefusedError with the Server's Reason Code; ConnectionLostError when it cannot be reached;
 * ServerProtocolError; TypeError and RangeError for what the options cannot mean. */
export async function connect(url: string, options: ClientOptions = {}): Promise<Client> {
  const address = parseServerUrl(url);
  const { userName = address.userName, password = address.password } = options;
  const open = streamOpener(address, options);
  return await connectOver(plainUrl(address), { ...options, userName, password }, { open });
}

/** The same over streams that somebody else opens: a broker in this process, a simulation. */
export async function connectOver(
  name: string,
  options: ClientOptions,
  parts: Omit<ClientParts, "open"> & { readonly open: OpenStream },
): Promise<Client> {
  const { signal, outbox } = options;
  signal?.throwIfAborted();
  const settings = makeSettings(name, options);
  const tellLost: TellLost | undefined = settings.observer?.lost && ((message, why) => client.lost(message, why));
  const loaded = outbox === undefined ? undefined : await loadSession(outbox, settings.clientId, tellLost);
  const client = new MqttClient(settings, parts);
  const { engine } = client;
  if (loaded !== undefined) {
    engine.time.addToWall(outbox!.wallOffsetMs);
    engine.outbox.restore(loaded.outgoing);
    engine.inbox.restore(loaded.incomingQoS2);
  }
  const abort = () => void client.disconnect().catch(() => {});
  signal?.addEventListener("abort", abort, { once: true });
  const forget = () => signal?.removeEventListener("abort", abort);
  engine.closed.then(forget, forget);
  if (signal?.aborted) abort();
  else engine.start();
  if (settings.startOffline) return client;
  try {
    await engine.ready;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
  return client;
}
