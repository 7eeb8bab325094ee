/** What the keys of listeners, certificates and tokens must not be beside each other: checked when all sources are
 * merged. In: a configuration whose values are allowed by themselves. Out: what is wrong with it. Room: pure. @module */

import type { Config, ConfigProblem } from "./config.ts";
import { jwtKey } from "./jwt_key.ts";
import {
  hasOwnCertificate,
  hasTls,
  hasWebSocket,
  type ListenerConfig,
  type ListenerItem,
  resolveListeners,
} from "./listeners.ts";

export function listenerProblems(config: Config): ConfigProblem[] {
  const listeners = resolveListeners(config);
  const items = config.listeners ?? [];
  return [
    ...(listeners.length > 0 ? [] : [
      refused("mqtt", false, "true, while there is no other listener: listeners, tlsPort, wsPort, wssPort or unixPath"),
    ]),
    ...items.flatMap((item, index) => misplaced(item, `listeners[${index}]`)),
    ...listeners.flatMap((listener, index) => [
      // Those of the list come first.
      ...tlsProblems(listener, items[index]),
      ...authenticatorProblems(config, listener, items[index]),
      ...limitProblems(config, listener, items[index]),
    ]),
    ...items.flatMap((item, index) =>
      item.type === "unix" && item.socketPath === undefined
        ? [missing(`listeners[${index}].socketPath`, 'where the socket is, with type "unix"')]
        : []
    ),
    ...sameDoors(listeners),
    ...jwtProblems(config),
  ];
}

function refused(path: string, value: unknown, expected: string): ConfigProblem {
  return { path, value, expected, relation: true };
}

function missing(path: string, needed: string): ConfigProblem {
  return refused(path, undefined, needed);
}

/** A key that means nothing to a listener of its type would be taken for heard. */
function misplaced(item: ListenerItem, path: string): ConfigProblem[] {
  const isUnix = item.type === "unix";
  const rows: [name: keyof ListenerItem, hasMeaning: boolean, types: string][] = [
    ["host", !isUnix, "types with a port"],
    ["port", !isUnix, "types with a port"],
    ["proxyProtocolFrom", !isUnix, "types with a port"],
    ["socketPath", isUnix, '"unix"'],
    ["tls", hasTls(item.type), '"mqtts" and "wss"'],
    ["webSocket", hasWebSocket(item.type), '"ws" and "wss"'],
  ];
  return rows.filter(([name, hasMeaning]) => !hasMeaning && item[name] !== undefined).map(([name, , types]) =>
    refused(`${path}.${name}`, item[name], `nothing with type "${item.type}"; it is for ${types}`)
  );
}

/** @param item undefined: the listener is one of a top-level key. */
function tlsProblems({ tls, askedBy }: ListenerConfig, item: ListenerItem | undefined): ConfigProblem[] {
  if (tls === undefined) return [];
  const problems: ConfigProblem[] = [];
  const isOwn = hasOwnCertificate(item?.tls);
  const place = isOwn ? `${askedBy}.tls` : "tls";
  if (tls.certFile === "") {
    problems.push(missing(`${place}.certFile`, `the certificate (PEM) for ${askedBy}${isOwn ? "" : ", --cert FILE"}`));
  }
  if (tls.keyFile === "") {
    problems.push(missing(`${place}.keyFile`, `the private key (PEM) for ${askedBy}${isOwn ? "" : ", --key FILE"}`));
  }
  if (tls.requireClientCertificate && tls.caFile === undefined) {
    const isOwnWish = item?.tls?.requireClientCertificate !== undefined;
    problems.push(missing(
      isOwnWish ? `${askedBy}.tls.caFile` : "tls.caFile",
      `the certificates (PEM) of those who sign clients' certificates, for ${askedBy}${isOwnWish ? "" : ", --ca FILE"}`,
    ));
  }
  return problems;
}

function authenticatorProblems(
  config: Config,
  { authenticators, tls, askedBy }: ListenerConfig,
  item: ListenerItem | undefined,
): ConfigProblem[] {
  const path = item?.authenticators === undefined ? "authenticators" : `${askedBy}.authenticators`;
  // A certificate that is required, and nobody who signs it, is told already.
  if (item?.authenticators?.includes("certificate") === true && tls?.caFile === undefined) {
    return [
      refused(path, authenticators, '"certificate" only where TLS asks for one: "mqtts" and "wss" with tls.caFile'),
    ];
  }
  if (authenticators.length === 0) {
    return [refused(path, config.authenticators, `one that goes without tls.caFile, too, for ${askedBy}`)];
  }
  if (authenticators.includes("jwt") && jwtKey(config) === undefined) {
    return [refused(path, authenticators, '"jwt" only with jwt.secretFile, jwt.publicKeyFile or jwt.jwksFile')];
  }
  return [];
}

function limitProblems(
  { limits }: Config,
  { askedBy, connectionsMax, maximumPacketSize }: ListenerConfig,
  item: ListenerItem | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (item?.connectionsMax !== undefined && connectionsMax > limits.connectionsMax) {
    const expected = `at most limits.connectionsMax (${limits.connectionsMax}), which holds for all listeners together`;
    problems.push(refused(`${askedBy}.connectionsMax`, connectionsMax, expected));
  }
  if (item?.maximumPacketSize !== undefined && maximumPacketSize > limits.outboundBytesMax) {
    const expected = `at most limits.outboundBytesMax (${limits.outboundBytesMax}), ` +
      "or the largest packets could be accepted and never be delivered";
    problems.push(refused(`${askedBy}.maximumPacketSize`, maximumPacketSize, expected));
  }
  return problems;
}

function sameDoors(listeners: readonly ListenerConfig[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const firstOf = new Map<string, ListenerConfig>();
  for (const listener of listeners) {
    const { askedBy, type, host, port, socketPath } = listener;
    const isUnix = type === "unix";
    // Each 0 is another port.
    if (!isUnix && port === 0) continue;
    const door = isUnix ? `unix ${socketPath}` : `${host.toLowerCase()} ${port}`;
    const first = firstOf.get(door);
    if (first === undefined) {
      firstOf.set(door, listener);
      continue;
    }
    const isItem = askedBy.startsWith("listeners[");
    const path = isItem ? `${askedBy}.${isUnix ? "socketPath" : "port"}` : askedBy;
    problems.push(refused(path, isUnix ? socketPath : port, `another one than that of ${first.askedBy}`));
  }
  return problems;
}

function jwtProblems(config: Config): ConfigProblem[] {
  const { secretFile, publicKeyFile, jwksFile, issuer, audience, clientIdClaim } = config.jwt;
  const named = Object.entries({ secretFile, publicKeyFile, jwksFile }).filter(([, file]) => file !== undefined);
  if (named.length > 1) {
    const [name, file] = named[1];
    return [refused(`jwt.${name}`, file, `nothing beside jwt.${named[0][0]}: keys come from one file`)];
  }
  // Who narrows down which tokens are good believes that tokens are looked at.
  if (named.length === 0 && (issuer ?? audience ?? clientIdClaim) !== undefined) {
    return [missing("jwt.jwksFile", "the file with the keys: jwt.jwksFile, jwt.publicKeyFile or jwt.secretFile")];
  }
  return [];
}
