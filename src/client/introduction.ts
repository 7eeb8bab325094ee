/** What the client says of itself in CONNECT: in which version, as whom, and whether its session goes on. §3.1 @module */

import type { ConnackPacket, ConnectPacket, ProtocolVersion } from "../packet/control_packet.ts";
import type { Properties } from "../packet/property.ts";
import type { ServerLimits } from "./client.ts";
import { type ClientSettings, NEVER_EXPIRES_S } from "./client_settings.ts";
import { connectPacket } from "./connect_packet.ts";
import { serverLimits } from "./server_limits.ts";

export class Introduction {
  protocolVersion: ProtocolVersion;
  /** "" = the Server assigns one. */
  clientId: string;
  /** A Server has let us in: it knows this version, and there may be a session. */
  hasConnected = false;

  constructor(readonly settings: ClientSettings) {
    this.protocolVersion = settings.protocolVersion;
    this.clientId = settings.clientId || (settings.protocolVersion === 5 ? "" : settings.randomClientId);
  }

  get cleanStart(): boolean {
    // In 3.x the flag also says that the session ends with the connection.
    return this.settings.cleanStart && (this.protocolVersion !== 5 || !this.hasConnected);
  }

  /** Seconds that are asked for. */
  get sessionExpiryInterval(): number {
    const { properties, cleanStart } = this.settings;
    if (this.protocolVersion === 5) return properties.sessionExpiryInterval ?? 0;
    return cleanStart ? 0 : NEVER_EXPIRES_S;
  }

  packet(authenticationData: Uint8Array | undefined): ConnectPacket {
    const { settings, protocolVersion, clientId, cleanStart } = this;
    const properties: Properties = { ...settings.properties };
    if (settings.authentication !== undefined) {
      properties.authenticationMethod = settings.authentication.name;
      properties.authenticationData = authenticationData;
    }
    return connectPacket(settings, protocolVersion, clientId, cleanStart, properties);
  }

  /** What the Server can do, by its CONNACK. */
  limits(packet: ConnackPacket): ServerLimits {
    const { protocolVersion, sessionExpiryInterval, settings } = this;
    return serverLimits(packet, { protocolVersion, sessionExpiryInterval, keepAlive: settings.keepAlive });
  }

  /** CONNACK with Success. */
  accepted({ properties }: ConnackPacket): void {
    this.hasConnected = true;
    this.clientId = properties.assignedClientIdentifier ?? this.clientId;
  }

  /** Whether the session goes on for what was begun, and for subscriptions. 3.1 does not tell: what was begun goes on, and
   * subscriptions are made anew. */
  resumes({ sessionPresent }: ConnackPacket): { session: boolean; subscriptions: boolean } {
    if (this.protocolVersion === 3) return { session: !this.settings.cleanStart, subscriptions: false };
    return { session: sessionPresent, subscriptions: sessionPresent };
  }

  /** The attempt has failed. One that met a Server on its way down or up says nothing of its version. */
  lost(): void {
    if (!this.hasConnected) this.protocolVersion = this.settings.protocolVersion;
  }

  /** The Server does not know 5.0, or so it seems: it is asked again with 3.1.1, once.
   * @returns whether it is. */
  fallBack(): boolean {
    const { mayFallBack, authentication, password, userName, randomClientId } = this.settings;
    if (!mayFallBack || this.hasConnected || authentication !== undefined) return false;
    if (this.protocolVersion !== 5) return false;
    // 3.1.1 cannot say it.
    if (password !== undefined && userName === undefined) return false;
    this.protocolVersion = 4;
    if (this.clientId === "") this.clientId = randomClientId;
    return true;
  }
}
