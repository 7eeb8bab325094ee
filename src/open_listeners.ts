/** Opens the doors that the configuration asks for. In: `ListenerConfig`s. Out: listeners, each of the layers that its type
 * has: TCP or a Unix socket, PROXY protocol, TLS, WebSocket. Room: wiring, beside `server.ts`. @module */

import type { Log } from "./base/log.ts";
import type { Config } from "./config/config.ts";
import { type ListenerConfig, resolveListeners } from "./config/listeners.ts";
import { hostAndPort, isLoopbackHost } from "./transport/address.ts";
import type { ByteStream } from "./transport/byte_stream.ts";
import type { Listener } from "./transport/listener.ts";
import { listenTcp } from "./transport/tcp.ts";
import { listenUnix } from "./transport/unix.ts";

export { type ListenerConfig, resolveListeners };

export interface OpenListener {
  readonly listener: Listener;
  readonly config: ListenerConfig;
}

/** A door could not be opened; `cause` says why. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  constructor(readonly listener: ListenerConfig, cause: unknown) {
    super(`cannot listen on ${doorOf(listener)}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** "127.0.0.1:1883", "/run/quetzal.sock" */
export function doorOf({ type, host, port, socketPath }: ListenerConfig): string {
  return type === "unix" ? socketPath : hostAndPort(host, port);
}

/** true when only this machine can knock there. A proxy on this machine brings clients from anywhere. */
export function isLoopbackListener({ type, host, proxyProtocolFrom }: ListenerConfig): boolean {
  return type === "unix" || (isLoopbackHost(host) && proxyProtocolFrom.length === 0);
}

/** All of them, in their order, or none.
 * @param log hears of handshakes that came to nothing.
 * @throws ListenError; those that were open already are closed. */
export async function openListeners(
  listeners: readonly ListenerConfig[],
  config: Config,
  log: Log,
): Promise<OpenListener[]> {
  const open: OpenListener[] = [];
  for (const listener of listeners) {
    try {
      open.push({ listener: await openListener(listener, config, log), config: listener });
    } catch (error) {
      for (const { listener } of open) listener.close();
      throw new ListenError(listener, error);
    }
  }
  return open;
}

/** Why the broker must not start with these listeners; undefined = it may. Where other machines can knock, there must be
 * something that tells one client from the other, unless the owner has said that everybody may come in. */
export function startObjection(
  listeners: readonly ListenerConfig[],
  facts: { readonly hasAccounts: boolean; readonly dataDir: string },
): string | undefined {
  if (facts.hasAccounts) return undefined;
  const open = listeners.filter((listener) =>
    !isLoopbackListener(listener) && listener.allowAnonymous !== true && !provesWithoutAccounts(listener)
  );
  if (open.length === 0) return undefined;
  return `other machines can reach ${open.map(doorOf).join(" and ")}, and there is no account yet: ` +
    `make one with "quetzal user add NAME --data-dir ${facts.dataDir}", let everybody in with --allow-anonymous, ` +
    "or listen on this machine only with --host 127.0.0.1";
}

/** A token or a certificate says who somebody is, also while there are no accounts. */
export function provesWithoutAccounts({ authenticators }: ListenerConfig): boolean {
  return authenticators.includes("jwt") || authenticators.includes("certificate");
}

async function openListener(listener: ListenerConfig, { limits }: Config, log: Log): Promise<Listener> {
  const { type, host, port, socketPath, tls, webSocket, proxyProtocolFrom } = listener;
  // Of the whole door, whichever layer it was.
  const onFailed = (stream: ByteStream, error: unknown) => logFailedHandshake(log, stream, door.url, error);
  let door: Listener = type === "unix"
    ? await listenUnix({ path: socketPath })
    : listenTcp({ host, port, tcpBacklog: limits.tcpBacklog });
  try {
    // From the wire up: a proxy says whom it brings before that one's TLS begins. Each layer is loaded by those who have
    // it; that of TLS takes some 50 ms.
    if (proxyProtocolFrom.length > 0) {
      const { behindProxy } = await import("./transport/proxy_protocol.ts");
      door = behindProxy(door, { proxies: proxyProtocolFrom, limits, onFailed });
    }
    if (tls !== undefined) {
      const { secured } = await import("./transport/tls.ts");
      door = await secured(door, { ...tls, limits, log, onFailed });
    }
    if (webSocket !== undefined) {
      const { listenWebSocket } = await import("./transport/websocket.ts");
      door = listenWebSocket(door, { ...webSocket, closeTimeoutMs: limits.closeTimeoutMs, limits, onFailed });
    }
  } catch (error) {
    door.close();
    throw error;
  }
  return door;
}

/** The peer never came as far as CONNECT: nobody else speaks of it. */
function logFailedHandshake(log: Log, { remoteAddress }: ByteStream, listenerUrl: string, error: unknown): void {
  if (!log.isEnabled("info")) return;
  const why = error instanceof Error ? error.message : String(error);
  const text = `Handshake with ${remoteAddress} on ${listenerUrl} failed: ${why}.`;
  log.info(text, { event: "handshake", remoteAddress, listenerUrl, why });
}
