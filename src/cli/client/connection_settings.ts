/** Where to connect, as whom, and how: what options and profile files say alike. Plain values; passwords are not among
 * them. In: options. Out: settings; settings and a password → what the library takes. Room: pure. @module */

import * as v from "valibot";
import type { ClientOptions } from "../../client/client.ts";
import type { ProtocolVersion, QoS } from "../../packet/control_packet.ts";
import { fixedAuthentication } from "./fixed_authentication.ts";
import type { GivenProperties } from "./property_arguments.ts";

const QOS = v.picklist([0, 1, 2]);
const UINT32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));

/** The shape of a profile file. */
export const SETTINGS_SCHEMA = v.strictObject({
  /** Without user and password. */
  url: v.optional(v.string()),
  clientId: v.optional(v.string()),
  protocolVersion: v.optional(v.picklist([3, 4, 5])),
  cleanStart: v.optional(v.boolean()),
  sessionExpiryInterval: v.optional(UINT32),
  keepAlive: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
  userName: v.optional(v.string()),
  passwordFile: v.optional(v.string()),
  tls: v.optional(v.strictObject({
    caFile: v.optional(v.string()),
    certFile: v.optional(v.string()),
    keyFile: v.optional(v.string()),
    insecure: v.optional(v.boolean()),
  })),
  will: v.optional(v.strictObject({
    topicName: v.string(),
    payload: v.optional(v.string()),
    qos: v.optional(QOS),
    retain: v.optional(v.boolean()),
  })),
});

export type ConnectionSettings = v.InferOutput<typeof SETTINGS_SCHEMA>;

export const DEFAULT_URL = "mqtt://localhost";

/** @param properties those of connect and will are used. */
export function clientOptionsOf(
  settings: ConnectionSettings,
  password: string | undefined,
  { connect, will: willProperties }: GivenProperties,
): ClientOptions {
  const { authenticationMethod, authenticationData, ...connectProperties } = connect;
  const { tls, will, sessionExpiryInterval } = settings;
  const fileOf = (file: string | undefined) => file === undefined ? undefined : { file };
  return withoutUndefined({
    clientId: settings.clientId,
    protocolVersion: settings.protocolVersion as ProtocolVersion | undefined,
    cleanStart: settings.cleanStart,
    keepAlive: settings.keepAlive,
    userName: settings.userName,
    password,
    properties: withoutUndefined({ sessionExpiryInterval, ...connectProperties }),
    authentication: authenticationMethod === undefined
      ? undefined
      : fixedAuthentication(authenticationMethod, authenticationData),
    tls: tls === undefined ? undefined : withoutUndefined({
      ca: fileOf(tls.caFile),
      cert: fileOf(tls.certFile),
      key: fileOf(tls.keyFile),
      verify: tls.insecure === true ? false : undefined,
    }),
    will: will === undefined
      ? undefined
      : withoutUndefined({ ...will, qos: will.qos as QoS | undefined, properties: willProperties }),
  });
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
