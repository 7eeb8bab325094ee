/** Quetzal's client: MQTT 5.0, 3.1.1 and 3.1 for Deno programs.
 *
 * ```ts
 * import { connect } from "@quetzal/quetzal/client";
 *
 * await using client = await connect("mqtt://localhost:1883", { clientId: "greenhouse" });
 * await using readings = await client.subscribe("greenhouse/#", { qos: 1 });
 * await client.publish("greenhouse/temperature", "21.5", { qos: 1 });
 * for await (const message of readings) {
 *   console.log(message.topicName, message.text());
 *   break;
 * }
 * ```
 * @module */

export type { AuthenticationConversation, AuthenticationMethod } from "./authentication_method.ts";
export type {
  Client,
  ClientOptions,
  ClientState,
  ClientTls,
  DisconnectOptions,
  Message,
  MessageProperties,
  PublishOptions,
  PublishResult,
  ReconnectOptions,
  RequestOptions,
  ServerLimits,
  SubscribeOptions,
  Subscription,
  WillOptions,
} from "./client.ts";
export type { ClientObserver, LostMessage } from "./client_observer.ts";
export { connect, connectOver } from "./connect.ts";
export * from "./errors.ts";
export { ScramError, type ScramOptions, scramSha256 } from "./scram.ts";
export type { ClientParts } from "./mqtt_client.ts";
export type { OpenStream } from "./open_stream.ts";
export { type ControlPacket, PacketType, type ProtocolVersion, type QoS } from "../packet/control_packet.ts";
export type { Properties, UserProperty } from "../packet/property.ts";
export { ReasonCode, reasonName } from "../packet/reason_code.ts";
