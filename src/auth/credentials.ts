/** What is kept of a password: nothing that it can be read from. Types of the record, as stored. @module */

/** RFC 5802 §3: all that a Server needs for SCRAM and for a plain password; the same slow derivation (PBKDF2) for both,
 * so that neither is the weaker way to the password. */
export interface ScramKeys {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export type Credentials =
  | { readonly kind: "scram"; readonly sha256: ScramKeys; readonly sha512: ScramKeys }
  /** Mosquitto's `$7$`. */
  | {
    readonly kind: "pbkdf2-sha512";
    readonly iterations: number;
    readonly salt: Uint8Array;
    readonly hash: Uint8Array;
  }
  /** Mosquitto's `$6$`: SHA-512(password | salt), once. */
  | { readonly kind: "sha512"; readonly salt: Uint8Array; readonly hash: Uint8Array }
  /** Mosquitto's `$argon2id$`. */
  | {
    readonly kind: "argon2id";
    readonly memoryKiB: number;
    readonly passes: number;
    readonly lanes: number;
    readonly salt: Uint8Array;
    readonly hash: Uint8Array;
  };
