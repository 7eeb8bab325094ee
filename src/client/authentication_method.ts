/** Contract: enhanced authentication from the Client's side. §4.12. Types only. @module */

/** A method by its name, "SCRAM-SHA-256"; `scram.ts` has that one. */
export interface AuthenticationMethod {
  readonly name: string;
  /** One conversation: for CONNECT, and anew for each re-authentication. */
  begin(): AuthenticationConversation;
}

export interface AuthenticationConversation {
  /** The Authentication Data of CONNECT, or of AUTH 0x19. */
  first(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Answers the data of the Server's AUTH 0x18. @throws when the Server is not to be trusted: the connection ends. */
  next(data: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Looks at the data of CONNACK or AUTH 0x00. @throws as `next`. */
  finish(data: Uint8Array | undefined): void | Promise<void>;
}
