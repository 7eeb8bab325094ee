/** The options of `connect`, checked, with every default in its place. @module */

import { ByteWriter } from "../packet/byte_writer.ts";
import type { ConnectWill, ProtocolVersion } from "../packet/control_packet.ts";
import { encodePacket } from "../packet/encoder.ts";
import type { Properties } from "../packet/property.ts";
import type { Store } from "../persistence/store.ts";
import { isValidTopicName } from "../topic/topic_name.ts";
import type { AuthenticationMethod } from "./authentication_method.ts";
import type { ClientOptions, ReconnectOptions } from "./client.ts";
import type { ClientObserver } from "./client_observer.ts";
import { connectPacket } from "./connect_packet.ts";
import { bytesOf } from "./payload.ts";

export interface ClientSettings {
  /** For messages: without password. */
  readonly url: string;
  /** "" = the Server assigns one. */
  readonly clientId: string;
  /** For a Server of 3.x when the caller named none. */
  readonly randomClientId: string;
  readonly protocolVersion: ProtocolVersion;
  readonly mayFallBack: boolean;
  readonly cleanStart: boolean;
  readonly keepAlive: number;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly will: ConnectWill | undefined;
  /** Of CONNECT, the Receive Maximum included. */
  readonly properties: Properties;
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly authentication: AuthenticationMethod | undefined;
  readonly reconnect: Required<ReconnectOptions> | undefined;
  readonly startOffline: boolean;
  readonly connectTimeoutMs: number;
  /** Infinity = for ever. */
  readonly acknowledgementTimeoutMs: number;
  readonly outbox: Store | undefined;
  readonly outboxMessagesMax: number;
  readonly outboxBytesMax: number;
  readonly outboundBytesMax: number;
  readonly observer: ClientObserver | undefined;
}

const KEEP_ALIVE = 60;
const RECEIVE_MAXIMUM = 100;
/** The largest Control Packet that can exist. §2.1.4 */
export const PACKET_SIZE_MAX = 268_435_460;
/** A session of 3.x without Clean Session has no end. */
export const NEVER_EXPIRES_S = 0xffff_ffff;

/** @throws TypeError, RangeError for what cannot be said in CONNECT. */
export function makeSettings(url: string, options: ClientOptions): ClientSettings {
  const protocolVersion = options.protocolVersion ?? 5;
  const receiveMaximum = options.properties?.receiveMaximum ?? RECEIVE_MAXIMUM;
  const hasOutbox = options.outbox !== undefined;
  // What waits in a file belongs to a session that is to be resumed.
  const cleanStart = options.cleanStart ?? !hasOutbox;
  const settings: ClientSettings = {
    url,
    clientId: options.clientId ?? "",
    randomClientId: options.clientId || `quetzal-${crypto.randomUUID().slice(-12)}`,
    protocolVersion,
    mayFallBack: options.protocolVersion === undefined && options.fallback !== false,
    cleanStart,
    keepAlive: options.keepAlive ?? KEEP_ALIVE,
    userName: options.userName,
    password: options.password === undefined ? undefined : bytesOf(options.password),
    will: willOf(options),
    properties: { ...options.properties, receiveMaximum } as Properties,
    receiveMaximum,
    maximumPacketSize: options.properties?.maximumPacketSize ?? PACKET_SIZE_MAX,
    authentication: options.authentication,
    reconnect: options.reconnect === false ? undefined : {
      delayMinMs: options.reconnect?.delayMinMs ?? 250,
      delayMaxMs: options.reconnect?.delayMaxMs ?? 30_000,
    },
    startOffline: options.startOffline ?? false,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    acknowledgementTimeoutMs: options.acknowledgementTimeoutMs === 0
      ? Infinity
      : options.acknowledgementTimeoutMs ?? 30_000,
    outbox: options.outbox,
    outboxMessagesMax: options.outboxMessagesMax ?? 100_000,
    outboxBytesMax: options.outboxBytesMax ?? 64 * 1024 * 1024,
    outboundBytesMax: options.outboundBytesMax ?? 1024 * 1024,
    observer: options.observer,
  };
  check(settings);
  return settings;
}

function willOf({ will }: ClientOptions): ConnectWill | undefined {
  if (will === undefined) return undefined;
  if (!isValidTopicName(will.topicName)) throw new TypeError("the Will Topic is not a Topic Name");
  if (![0, 1, 2].includes(will.qos ?? 0)) throw new RangeError("the Will QoS is 0, 1 or 2");
  const { responseTopic } = will.properties ?? {};
  if (responseTopic !== undefined && !isValidTopicName(responseTopic)) {
    throw new TypeError("the Response Topic of the will is not a Topic Name");
  }
  return {
    topicName: will.topicName,
    payload: bytesOf(will.payload ?? ""),
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    properties: (will.properties ?? {}) as Properties,
  };
}

function check(settings: ClientSettings): void {
  const { keepAlive, receiveMaximum, maximumPacketSize, protocolVersion, outbox, reconnect, properties } = settings;
  requireInteger("keepAlive", keepAlive, 0, 0xffff);
  requireInteger("receiveMaximum", receiveMaximum, 1, 0xffff);
  requireInteger("maximumPacketSize", maximumPacketSize, 1, 0xffff_ffff);
  requireInteger("topicAliasMaximum", properties.topicAliasMaximum ?? 0, 0, 0xffff);
  if (reconnect !== undefined && !(reconnect.delayMinMs > 0 && reconnect.delayMaxMs >= reconnect.delayMinMs)) {
    throw new RangeError("reconnect: delayMinMs is above 0, and delayMaxMs is not below it");
  }
  if (!(settings.connectTimeoutMs > 0)) throw new RangeError("connectTimeoutMs is above 0");
  if (!(settings.acknowledgementTimeoutMs > 0)) throw new RangeError("acknowledgementTimeoutMs is not below 0");
  if (protocolVersion !== 5) {
    if (settings.authentication !== undefined) throw new TypeError("enhanced authentication needs MQTT 5.0");
    if (settings.password !== undefined && settings.userName === undefined) {
      throw new TypeError("a password without a user name needs MQTT 5.0");
    }
    if (!settings.cleanStart && settings.clientId === "") throw new TypeError("a session that stays needs a clientId");
  }
  // What does not fit into CONNECT throws here, and not when the connection is there.
  const packet = connectPacket(settings, protocolVersion, settings.clientId, settings.cleanStart, properties);
  encodePacket(new ByteWriter(), packet, protocolVersion, Infinity);
  if (outbox === undefined) return;
  if (settings.clientId === "") throw new TypeError("an outbox needs a clientId");
  if (protocolVersion === 5 ? !(properties.sessionExpiryInterval! > 0) : settings.cleanStart) {
    throw new TypeError(
      "an outbox needs a session that stays: a sessionExpiryInterval (5.0) or cleanStart: false (3.x)",
    );
  }
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} is an integer from ${min} to ${max}`);
  }
}
