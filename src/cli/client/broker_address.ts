/** Where a broker is: from a URL and from single options, to the URL that the library takes. Room: pure. @module */

import { UsageError } from "../arguments.ts";

export type Scheme = "mqtt" | "mqtts" | "ws" | "wss" | "unix";

export interface BrokerAddress {
  readonly scheme: Scheme;
  /** "" of a socket in the file system. An IPv6 address without its brackets. */
  readonly host: string;
  /** undefined = the scheme's own. */
  readonly port: number | undefined;
  /** Of the WebSocket endpoint, "/mqtt", or of the socket in the file system. */
  readonly path: string;
}

/** What a URL on the command line says besides. */
export interface UrlParts {
  readonly address: BrokerAddress;
  readonly userName: string | undefined;
  readonly password: string | undefined;
  /** What stands behind the slash, as it is: "#" is a wildcard there, and no fragment. */
  readonly topic: string | undefined;
}

export const WEBSOCKET_PATH = "/mqtt";
const PORT_MAX = 65_535;
/** scheme://[user[:password]@]host[:port][/topic]; the last "@" before the first slash ends the password. */
const URL_PATTERN = /^([a-z]+):\/\/(?:([^/]*)@)?(\[[^\]/]+\]|[^:/@]*)(?::([^/@]*))?(?:\/(.*))?$/s;

/** `-L`. @throws UsageError */
export function parseBrokerUrl(text: string): UrlParts {
  if (/^unix:/.test(text)) {
    const path = text.replace(/^unix:(\/\/)?/, "");
    if (path === "") throw new UsageError(`${text}: write unix:/PATH`);
    return { address: { scheme: "unix", host: "", port: undefined, path }, ...NOBODY, topic: undefined };
  }
  const found = URL_PATTERN.exec(text);
  const [, scheme = "", user, host = "", port, topic] = found ?? [];
  // It may hold a password, and is not repeated.
  if (!["mqtt", "mqtts", "ws", "wss"].includes(scheme)) {
    throw new UsageError(
      "the URL begins with mqtt://, mqtts://, ws://, wss:// or unix:, as in mqtt://localhost:1883/topic",
    );
  }
  if (host === "") throw new UsageError("the URL names no host; write it as in mqtt://localhost:1883/topic");
  const colon = user?.indexOf(":") ?? -1;
  return {
    address: {
      scheme: scheme as Scheme,
      host: host.replace(/^\[|\]$/g, ""),
      port: port === undefined || port === "" ? undefined : portOf(port),
      path: WEBSOCKET_PATH,
    },
    userName: user === undefined ? undefined : plain(colon < 0 ? user : user.slice(0, colon)),
    password: user === undefined || colon < 0 ? undefined : plain(user.slice(colon + 1)),
    topic: topic === undefined || topic === "" ? undefined : topic,
  };
}

const NOBODY = { userName: undefined, password: undefined };

/** @throws UsageError */
export function portOf(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : NaN;
  if (port >= 1 && port <= PORT_MAX) return port;
  throw new UsageError(`a port is a number from 1 to ${PORT_MAX}, not "${text}"`);
}

/** For the library, and for people. */
export function addressUrl({ scheme, host, port, path }: BrokerAddress): string {
  if (scheme === "unix") return `unix:${path}`;
  const name = host.includes(":") ? `[${host}]` : host;
  const endpoint = scheme === "ws" || scheme === "wss" ? path : "";
  return `${scheme}://${name}${port === undefined ? "" : `:${port}`}${endpoint}`;
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
