/** Contract: who is this Client? Spec §3.1.4, §4.12. Types only. @module */

import type { ProtocolVersion } from "../packet/control_packet.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { PeerCertificate } from "../transport/byte_stream.ts";
import type { ConnectRefusal, Grant, Identity } from "./authorizer.ts";

/** What is known of the sender of a CONNECT. */
export interface ConnectAttempt {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly remoteHost: string;
  readonly listenerUrl: string;
  /** What TLS has verified; undefined = the Client showed none. */
  readonly peerCertificate: PeerCertificate | undefined;
}

/** `reasonCode` 0x00 lets the Client in, as `userName` (undefined = anonymous). Any other refuses: BadUserNameOrPassword,
 * NotAuthorized, Banned, ServerBusy, …; `reasonString` tells the Client why (never a secret). */
export interface AuthenticationVerdict {
  readonly reasonCode: ReasonCode;
  readonly userName: string | undefined;
  readonly reasonString?: string;
  /** Rights that came with the proof (the claims of a token), beside what the rules say. */
  readonly grants?: readonly Grant[];
  /** Milliseconds of the wall clock at which the proof ends, and the connection with it. Default: never. */
  readonly validUntilMs?: number;
  /** Which password it was, for those who close connections when it is changed. See `Identity.credential`. */
  readonly credential?: number;
}

/** One run of an enhanced authentication (SCRAM, …): a conversation in AUTH packets. §4.12 */
export interface AuthenticationExchange {
  /** Takes the Client's Authentication Data and answers exactly once, now or later. */
  step(data: Uint8Array | undefined, answer: (step: AuthenticationStep) => void): void;
  /** The Client is gone or took too long; no answer is wanted any more. */
  abandon(): void;
}
export type AuthenticationStep =
  | { readonly kind: "continue"; readonly data: Uint8Array | undefined }
  | { readonly kind: "done"; readonly verdict: AuthenticationVerdict; readonly data: Uint8Array | undefined };

export interface Authenticator {
  /** Answers exactly once, now or later; the Connection waits and nothing else does.
   * @returns what to call when the Client is gone before the answer; undefined = nothing. */
  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): (() => void) | void;
  /** Begins an exchange by the Authentication Method of CONNECT or of a re-authentication.
   * @returns undefined for a method that is not configured: the Client gets 0x8C [MQTT-4.12.0-1]. */
  begin(method: string, attempt: ConnectAttempt): AuthenticationExchange | undefined;
  /** Asked again of those that are connected when rights have changed. @returns undefined = may stay. */
  presentRefusal?(identity: Identity, listenerUrl: string): ConnectRefusal | undefined;
}
