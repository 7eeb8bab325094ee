/** The file with the keys of tokens, of the three that can be named. Room: pure. @module */

import type { Config } from "./config.ts";

export interface JwtKey {
  readonly keyFile: string;
  readonly keyKind: "secret" | "public-key" | "jwks";
}

/** @returns undefined when none is named: there are no tokens then. */
export function jwtKey({ jwt }: Config): JwtKey | undefined {
  if (jwt.secretFile !== undefined) return { keyFile: jwt.secretFile, keyKind: "secret" };
  if (jwt.publicKeyFile !== undefined) return { keyFile: jwt.publicKeyFile, keyKind: "public-key" };
  return jwt.jwksFile === undefined ? undefined : { keyFile: jwt.jwksFile, keyKind: "jwks" };
}
