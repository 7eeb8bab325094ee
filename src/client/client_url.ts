/** Where the Server is: a URL → how to get there. Room: pure. @module */

export interface ServerAddress {
  /** What carries MQTT; "unix" has a path and nothing else. */
  readonly transport: "tcp" | "unix";
  readonly isSecure: boolean;
  readonly isWebSocket: boolean;
  readonly host: string;
  readonly port: number;
  /** Of the socket's file, or of the WebSocket with its query. */
  readonly path: string;
  readonly userName: string | undefined;
  readonly password: string | undefined;
}

const SCHEMES: Readonly<Record<string, { port: number; isSecure: boolean; isWebSocket: boolean }>> = {
  mqtt: { port: 1883, isSecure: false, isWebSocket: false },
  mqtts: { port: 8883, isSecure: true, isWebSocket: false },
  ws: { port: 80, isSecure: false, isWebSocket: true },
  wss: { port: 443, isSecure: true, isWebSocket: true },
};
const WEBSOCKET_PATH = "/mqtt";

/** Takes `mqtt://host:1883`, `mqtts://`, `ws://host:8083/mqtt`, `wss://`, `unix:/path`; a user and a password may stand
 * before the host.
 * @throws TypeError that does not repeat the URL, since it may hold a password. */
export function parseServerUrl(text: string): ServerAddress {
  if (text.startsWith("unix:")) return unixAddress(text.slice("unix:".length).replace(/^\/\/(?=\/)/, ""));
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1].toLowerCase();
  const known = scheme === undefined ? undefined : SCHEMES[scheme];
  if (known === undefined) {
    throw new TypeError("the Server's URL begins with mqtt://, mqtts://, ws://, wss:// or unix:");
  }
  // The URL parser knows the parts of http alone: ports, brackets and percent signs are the same.
  const parsed = URL.parse(`http${text.slice(text.indexOf(":"))}`);
  if (parsed === null || parsed.hostname === "") throw new TypeError("the Server's URL is not one");
  if (!known.isWebSocket && (parsed.pathname !== "/" || parsed.search !== "")) {
    throw new TypeError("a URL of this kind has no path and no query");
  }
  // Of "http", 80 is the port that goes without saying.
  const namesPort = /^[^/?#]*:80$/.test(text.slice(text.indexOf("://") + 3).split(/[/?#]/)[0]);
  const path = parsed.pathname === "/" && !/^[a-z]+:\/\/[^/?#]*\//i.test(text) ? WEBSOCKET_PATH : parsed.pathname;
  return {
    transport: "tcp",
    isSecure: known.isSecure,
    isWebSocket: known.isWebSocket,
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port !== "" ? Number(parsed.port) : namesPort ? 80 : known.port,
    path: known.isWebSocket ? path + parsed.search : "",
    userName: decoded(parsed.username),
    password: decoded(parsed.password),
  };
}

function decoded(part: string): string | undefined {
  try {
    return part === "" ? undefined : decodeURIComponent(part);
  } catch {
    throw new TypeError("user and password of a URL are percent-encoded: % is written as %25");
  }
}

function unixAddress(path: string): ServerAddress {
  if (path === "") throw new TypeError("unix: is followed by the path of a socket");
  return {
    transport: "unix",
    isSecure: false,
    isWebSocket: false,
    host: "",
    port: 0,
    path,
    userName: undefined,
    password: undefined,
  };
}

/** For logs and messages: without user, password and query. */
export function plainUrl({ transport, isSecure, isWebSocket, host, port, path }: ServerAddress): string {
  if (transport === "unix") return `unix:${path}`;
  const scheme = isWebSocket ? (isSecure ? "wss" : "ws") : isSecure ? "mqtts" : "mqtt";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path.split("?")[0]}`;
}
