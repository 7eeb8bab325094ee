/** What the options of all commands of the client say on the connection. In: what was given, and a profile. Out: settings,
 * properties, the topic of the URL, and the wish on passwords. Room: pure. @module */

import { isValidTopicName } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import {
  addressUrl,
  type BrokerAddress,
  parseBrokerUrl,
  portOf,
  type Scheme,
  type UrlParts,
} from "./broker_address.ts";
import type { GivenClientOptions } from "./client_option.ts";
import { type ConnectionSettings, DEFAULT_URL } from "./connection_settings.ts";
import { flagOf, lastOf, numberOption, qosOption } from "./given_values.ts";
import { brief, requireBytes, requireText } from "./packet_text.ts";
import { type GivenProperties, readProperties } from "./property_arguments.ts";

const NEVER_EXPIRES = 0xffffffff;
const MQTTS_PORT = 8883;
const VERSIONS: Readonly<Record<string, 3 | 4 | 5>> = {
  "5": 5,
  mqttv5: 5,
  "311": 4,
  mqttv311: 4,
  "31": 3,
  mqttv31: 3,
};

export interface GivenConnection {
  readonly settings: ConnectionSettings;
  readonly properties: GivenProperties;
  /** Of `-L`. */
  readonly topic: string | undefined;
  /** On the command line. */
  readonly password: string | undefined;
}

/** @param profile what `--profile` keeps; {} if none was named. @throws UsageError */
export function readConnection(given: GivenClientOptions, profile: ConnectionSettings): GivenConnection {
  const properties = readProperties(given.values.get("property") ?? []);
  const urlText = lastOf(given, "url");
  const url = urlText === undefined ? undefined : parseBrokerUrl(urlText);
  const tls = readTls(given, profile);
  const settings: ConnectionSettings = {
    ...profile,
    url: addressUrl(readAddress(given, url, profile, tls !== undefined)),
    tls,
    ...readIdentity(given, url),
    ...readSession(given, properties),
    ...readWill(given, profile),
  };
  requireWhole(settings, properties);
  return { settings, properties, topic: url?.topic, password: lastOf(given, "pw") ?? url?.password };
}

function readAddress(
  given: GivenClientOptions,
  url: UrlParts | undefined,
  profile: ConnectionSettings,
  hasTls: boolean,
): BrokerAddress {
  const socketPath = lastOf(given, "unix");
  if (socketPath !== undefined) {
    if (lastOf(given, "host") !== undefined || url !== undefined) {
      throw new UsageError("--unix takes the place of -h and -L; leave one of them out");
    }
    return { scheme: "unix", host: "", port: undefined, path: socketPath };
  }
  const base = (url ?? parseBrokerUrl(profile.url ?? DEFAULT_URL)).address;
  const portText = lastOf(given, "port");
  const port = portText === undefined ? base.port : portOf(portText);
  const host = lastOf(given, "host");
  if (base.scheme === "unix") {
    if (host === undefined) return base;
    return { ...base, scheme: schemeOf("mqtt", given, hasTls, port), host, port };
  }
  const path = lastOf(given, "ws-path");
  return {
    scheme: schemeOf(base.scheme, given, hasTls, port),
    host: host ?? base.host,
    port,
    path: path === undefined ? base.path : path.replace(/^\/?/, "/"),
  };
}

/** As Mosquitto's clients, port 8883 means TLS. */
function schemeOf(scheme: Scheme, given: GivenClientOptions, hasTls: boolean, port: number | undefined): Scheme {
  const isWebSocket = scheme.startsWith("ws") || flagOf(given, "ws") || lastOf(given, "ws-path") !== undefined;
  const isSecure = scheme === "mqtts" || scheme === "wss" || hasTls || flagOf(given, "tls") || port === MQTTS_PORT;
  return isWebSocket ? (isSecure ? "wss" : "ws") : (isSecure ? "mqtts" : "mqtt");
}

function readTls(given: GivenClientOptions, profile: ConnectionSettings): ConnectionSettings["tls"] {
  const version = lastOf(given, "tls-version");
  if (version !== undefined && !["tlsv1.2", "tlsv1.3"].includes(version)) {
    throw new UsageError(`--tls-version ${version}: TLS 1.2 and 1.3 are there; what is older is broken`);
  }
  const keyForm = lastOf(given, "keyform");
  if (keyForm !== undefined && keyForm !== "pem") {
    throw new UsageError(`--keyform ${keyForm}: a key is a PEM file here`);
  }
  const tls = {
    ...profile.tls,
    ...present("caFile", lastOf(given, "cafile")),
    ...present("certFile", lastOf(given, "cert")),
    ...present("keyFile", lastOf(given, "key")),
    ...(flagOf(given, "insecure") ? { insecure: true } : {}),
  };
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    throw new UsageError("--cert and --key go together: a certificate proves nothing without its key");
  }
  return Object.keys(tls).length === 0 ? undefined : tls;
}

function readIdentity(given: GivenClientOptions, url: UrlParts | undefined): ConnectionSettings {
  const id = lastOf(given, "id");
  const prefix = lastOf(given, "id-prefix");
  if (id !== undefined && prefix !== undefined) throw new UsageError("-i and -I both name the client; leave one out");
  return {
    ...present("clientId", prefix === undefined ? id : prefix + Deno.pid),
    ...present("userName", lastOf(given, "username") ?? url?.userName),
    ...present("passwordFile", lastOf(given, "password-file")),
  };
}

function readSession(given: GivenClientOptions, properties: GivenProperties): ConnectionSettings {
  const versionText = lastOf(given, "protocol-version");
  if (versionText !== undefined && !Object.hasOwn(VERSIONS, versionText)) {
    throw new UsageError(`-V ${versionText}: the versions are 5, 311 and 31`);
  }
  // As Mosquitto's clients, what only 5.0 has asks for 5.0.
  const hasProperties = Object.values(properties).some((each) => Object.keys(each).length > 0);
  const version = hasProperties ? 5 : versionText === undefined ? undefined : VERSIONS[versionText];
  const stays = flagOf(given, "disable-clean-session");
  const expiry = expiryOf(lastOf(given, "session-expiry-interval")) ?? (stays ? NEVER_EXPIRES : undefined);
  return {
    ...present("protocolVersion", version),
    ...(stays ? { cleanStart: false } : {}),
    ...present("sessionExpiryInterval", expiry),
    ...present("keepAlive", numberOption(given, "keepalive", 0, 0xffff)),
  };
}

function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "-1" || text === "∞") return NEVER_EXPIRES;
  const seconds = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seconds <= NEVER_EXPIRES) return seconds;
  throw new UsageError(`-x ${text}: it is a number of seconds from 0 to ${NEVER_EXPIRES - 1}, or -1 for ever`);
}

function readWill(given: GivenClientOptions, profile: ConnectionSettings): ConnectionSettings {
  const topicName = lastOf(given, "will-topic") ?? profile.will?.topicName;
  const details = {
    ...present("payload", lastOf(given, "will-payload")),
    ...present("qos", qosOption(given, "will-qos")),
    ...(flagOf(given, "will-retain") ? { retain: true } : {}),
  };
  if (topicName !== undefined) return { will: { ...profile.will, ...details, topicName } };
  const [detail] = Object.keys(details);
  if (detail === undefined) return {};
  throw new UsageError(`--will-${detail} goes with --will-topic, which says where the Will Message is published`);
}

function requireWhole(
  settings: ConnectionSettings,
  { connect, disconnect, will: willProperties }: GivenProperties,
): void {
  const { clientId, userName, cleanStart, will } = settings;
  const sessionExpiryInterval = connect.sessionExpiryInterval ?? settings.sessionExpiryInterval ?? 0;
  requireText("the Client Identifier", clientId);
  requireText("the user name", userName);
  if (clientId === undefined && (cleanStart === false || sessionExpiryInterval === NEVER_EXPIRES)) {
    throw new UsageError("a session that stays (-c, -x) is found again by the Client Identifier; name one with -i");
  }
  if (disconnect.sessionExpiryInterval !== undefined && sessionExpiryInterval === 0) {
    throw new UsageError(
      "-D disconnect session-expiry-interval: a session that ends with its connection stays so; give it -x",
    );
  }
  if (will !== undefined) {
    if (!isValidTopicName(will.topicName)) {
      throw new UsageError(
        `--will-topic ${brief(will.topicName)}: a message is published on one topic, without + and #`,
      );
    }
    requireBytes("--will-payload", new TextEncoder().encode(will.payload ?? ""));
  } else if (Object.keys(willProperties).length > 0) {
    throw new UsageError("-D will goes with --will-topic, which says where the Will Message is published");
  }
}

function present<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [key in K]?: V };
}
