/** Enhanced authentication: the conversation in CONNECT, AUTH and CONNACK, and again in a live session. Spec §4.12.
 * The method may take its time; its answers come back as events. @module */

import type { PacketWriter } from "../connection/writer.ts";
import { type AuthPacket, PacketType } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { AuthenticationConversation, AuthenticationMethod } from "./authentication_method.ts";
import { MqttError } from "./errors.ts";
import type { EngineContext } from "./engine_context.ts";

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class Authentication {
  #conversation: AuthenticationConversation | undefined = undefined;
  #link: PacketWriter | undefined = undefined;
  /** Who has asked for re-authentication. */
  #waiter: Waiter | undefined = undefined;
  #sentAtMs = Infinity;
  /** The method works on an answer. */
  #isAsked = false;

  /** @param failed the method does not trust the Server, or has thrown: the connection ends. */
  constructor(
    readonly context: EngineContext,
    readonly method: AuthenticationMethod | undefined,
    readonly failed: (link: PacketWriter, error: Error) => void,
  ) {}

  /** Its answer is awaited, and counts as that of a packet. */
  get awaitsAnswer(): boolean {
    return this.#waiter !== undefined;
  }

  get oldestSentMs(): number {
    return this.awaitsAnswer ? this.#sentAtMs : Infinity;
  }

  /** For CONNECT. @param answer gets the first Authentication Data, at once or later. */
  begin(link: PacketWriter, answer: (data: Uint8Array | undefined) => void): void {
    this.#link = link;
    this.#conversation = undefined;
    if (this.method === undefined) return answer(undefined);
    const conversation = this.#conversation = this.method.begin();
    this.#ask(conversation, () => conversation.first(), answer);
  }

  /** CONNACK with Success. @param done when the method has looked at its data. */
  connack(data: Uint8Array | undefined, done: () => void): void {
    const conversation = this.#conversation;
    if (conversation === undefined) return done();
    this.#ask(conversation, () => conversation.finish(data), () => {
      this.#conversation = undefined;
      done();
    });
  }

  /** @throws MqttError without a method, or while it runs. */
  reauthenticate(link: PacketWriter): Promise<void> {
    if (this.method === undefined) throw new MqttError("the client was made without an authentication method");
    if (this.#waiter !== undefined) throw new MqttError("re-authentication is under way");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiter = { resolve, reject };
    this.#link = link;
    this.#sentAtMs = Infinity;
    this.#isAsked = false;
    const conversation = this.#conversation = this.method.begin();
    this.#ask(conversation, () => conversation.first(), (data) => this.#send(ReasonCode.ReAuthenticate, data));
    return promise;
  }

  /** The Server's AUTH. */
  received(packet: AuthPacket): void {
    const conversation = this.#conversation;
    const { authenticationMethod, authenticationData } = packet.properties;
    if (conversation === undefined || this.method === undefined) {
      return this.context.violated("MQTT-4.12.0-6", "AUTH without an authentication that the Client began");
    }
    // Only Success may leave it out, with all else.
    const isOfMethod = authenticationMethod === this.method.name || authenticationMethod === undefined;
    if (!isOfMethod) return this.context.violated("MQTT-4.12.0-5", "AUTH has another Authentication Method");
    // Each step may cost seconds of work: a Server that does not wait for its answer gets none.
    if (this.#isAsked) return this.context.violated("§4.12", "AUTH before the last one was answered");
    if (packet.reasonCode === ReasonCode.ContinueAuthentication) {
      const answer = (data: Uint8Array | undefined) => this.#send(ReasonCode.ContinueAuthentication, data);
      return this.#ask(conversation, () => conversation.next(authenticationData), answer);
    }
    // CONNACK is what ends the first one.
    if (this.#waiter === undefined) return this.context.violated("§3.15.2.1", "AUTH says Success before CONNACK");
    this.#ask(conversation, () => conversation.finish(authenticationData), () => {
      this.#conversation = undefined;
      this.#waiter?.resolve();
      this.#waiter = undefined;
    });
  }

  disconnected(error: Error): void {
    this.#link = undefined;
    this.#conversation = undefined;
    this.#isAsked = false;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  #send(reasonCode: ReasonCode, authenticationData: Uint8Array | undefined): void {
    const properties = { authenticationMethod: this.method!.name, authenticationData };
    this.#link!.send({ type: PacketType.Auth, reasonCode, properties });
    this.#sentAtMs = this.context.time.monotonicMs;
    this.context.sent(this.#waiter !== undefined);
  }

  /** Runs one step, which may take its time. What it says of a conversation that is over goes nowhere. */
  #ask<T>(conversation: AuthenticationConversation, step: () => T | Promise<T>, answer: (value: T) => void): void {
    const link = this.#link!;
    const fail = (error: unknown) => {
      if (this.#conversation !== conversation) return;
      this.context.time.begin();
      this.failed(link, error instanceof Error ? error : new MqttError(String(error)));
    };
    try {
      const value = step();
      if (!(value instanceof Promise)) return answer(value);
      this.#isAsked = true;
      value.then((result) => {
        if (this.#conversation !== conversation) return;
        this.#isAsked = false;
        this.context.time.begin();
        answer(result);
      }).catch(fail);
    } catch (error) {
      fail(error);
    }
  }
}
