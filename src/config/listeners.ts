/** From the keys of the configuration to one `ListenerConfig` for each door, with the fallbacks filled in. What cannot be
 * together is refused before, by `listener_problems.ts`. Room: pure. @module */

import type { Config } from "./config.ts";
import { jwtKey } from "./jwt_key.ts";
import type { AuthenticatorName, CertificateName, ListenerType, TlsVersion } from "./listener_schema.ts";

export interface ListenerTls {
  /** Paths of PEM files. "" where none was named, which is refused. */
  readonly certFile: string;
  readonly keyFile: string;
  /** undefined = Clients are not asked for a certificate. */
  readonly caFile: string | undefined;
  /** false, with a `caFile`: they are asked, and may have none. */
  readonly requireClientCertificate: boolean;
  readonly minVersion: TlsVersion;
}

export interface ListenerWebSocket {
  readonly path: string;
  /** undefined = those from the same host. */
  readonly origins: readonly string[] | undefined;
}

/** One door, complete. */
export interface ListenerConfig {
  /** The key that asked for it: "listeners[1]", "port", "tlsPort". */
  readonly askedBy: string;
  readonly type: ListenerType;
  /** Without brackets. "" for unix. */
  readonly host: string;
  /** 0 = a free one. 0 for unix. */
  readonly port: number;
  /** "" for all but unix. */
  readonly socketPath: string;
  /** There for mqtts and wss. */
  readonly tls: ListenerTls | undefined;
  /** There for ws and wss. */
  readonly webSocket: ListenerWebSocket | undefined;
  /** Addresses and networks of proxies; [] = nobody speaks PROXY protocol. */
  readonly proxyProtocolFrom: readonly string[];
  /** undefined = on a loopback address, while there is no account, where no token or certificate is asked for. */
  readonly allowAnonymous: boolean | undefined;
  readonly authenticators: readonly AuthenticatorName[];
  readonly certificateUserName: CertificateName;
  readonly protocolVersions: readonly (3 | 4 | 5)[];
  /** Through this door; `limits.connectionsMax` holds for all together. */
  readonly connectionsMax: number;
  readonly maximumPacketSize: number;
  /** Seconds; 0 = what the Client asks for. */
  readonly keepAliveMaxS: number;
}

/** One of the list, as it was written. */
export type ListenerItem = NonNullable<Config["listeners"]>[number];

/** Where a listener is when nobody says where; for mqtt it is the key `port`. */
const USUAL_PORTS = { mqtts: 8883, ws: 8083, wss: 8084 } as const;

export function hasTls(type: ListenerType): boolean {
  return type === "mqtts" || type === "wss";
}

export function hasWebSocket(type: ListenerType): boolean {
  return type === "ws" || type === "wss";
}

/** Every door that `config` asks for, in the order in which they are opened: the list, or the one of `host` and `port`;
 * then those of `tlsPort`, `wsPort`, `wssPort` and `unixPath`. */
export function resolveListeners(config: Config): ListenerConfig[] {
  const { listeners, mqtt, port, tlsPort, wsPort, wssPort, unixPath } = config;
  const resolved = listeners?.map((item, index) => resolve(config, item, `listeners[${index}]`)) ?? [];
  const add = (askedBy: string, item: ListenerItem) => resolved.push(resolve(config, item, askedBy));
  if (listeners === undefined && mqtt) add("port", { type: "mqtt", port });
  if (tlsPort !== undefined) add("tlsPort", { type: "mqtts", port: tlsPort });
  if (wsPort !== undefined) add("wsPort", { type: "ws", port: wsPort });
  if (wssPort !== undefined) add("wssPort", { type: "wss", port: wssPort });
  if (unixPath !== undefined) add("unixPath", { type: "unix", socketPath: unixPath });
  return resolved;
}

function resolve(config: Config, item: ListenerItem, askedBy: string): ListenerConfig {
  const { type } = item;
  const isUnix = type === "unix";
  const tls = hasTls(type) ? resolveTls(config, item) : undefined;
  return {
    askedBy,
    type,
    host: isUnix ? "" : (item.host ?? config.host).replace(/^\[(.*)\]$/, "$1"),
    port: isUnix ? 0 : item.port ?? (type === "mqtt" ? config.port : USUAL_PORTS[type]),
    socketPath: item.socketPath ?? "",
    tls,
    webSocket: hasWebSocket(type)
      ? {
        path: item.webSocket?.path ?? config.webSocket.path,
        origins: item.webSocket?.origins ?? config.webSocket.origins,
      }
      : undefined,
    proxyProtocolFrom: isUnix ? [] : item.proxyProtocolFrom ?? config.proxyProtocolFrom,
    allowAnonymous: item.allowAnonymous ?? config.allowAnonymous,
    authenticators: item.authenticators ?? usualAuthenticators(config, tls),
    certificateUserName: item.certificateUserName ?? config.certificateUserName,
    protocolVersions: item.protocolVersions ?? config.protocolVersions,
    connectionsMax: item.connectionsMax ?? config.limits.connectionsMax,
    maximumPacketSize: item.maximumPacketSize ?? config.limits.maximumPacketSize,
    keepAliveMaxS: item.keepAliveMaxS ?? config.limits.keepAliveMaxS,
  };
}

function resolveTls({ tls }: Config, { tls: own }: ListenerItem): ListenerTls {
  const ownPair = hasOwnCertificate(own);
  return {
    certFile: (ownPair ? own?.certFile : tls.certFile) ?? "",
    keyFile: (ownPair ? own?.keyFile : tls.keyFile) ?? "",
    caFile: own?.caFile ?? tls.caFile,
    requireClientCertificate: own?.requireClientCertificate ?? tls.requireClientCertificate,
    minVersion: own?.minVersion ?? tls.minVersion,
  };
}

/** One of the two names both: a certificate goes with no other one's key. */
export function hasOwnCertificate(own: ListenerItem["tls"]): boolean {
  return own?.certFile !== undefined || own?.keyFile !== undefined;
}

/** Of those that hold for all listeners, the ones that this listener can have. */
function usualAuthenticators(config: Config, tls: ListenerTls | undefined): AuthenticatorName[] {
  if (config.authenticators !== undefined) {
    return config.authenticators.filter((name) => name !== "certificate" || tls?.caFile !== undefined);
  }
  const names: AuthenticatorName[] = ["accounts"];
  if (jwtKey(config) !== undefined) names.push("jwt");
  if (tls?.requireClientCertificate === true) names.push("certificate");
  return names;
}
