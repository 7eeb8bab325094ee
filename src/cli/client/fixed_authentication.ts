/** `-D connect authentication-method NAME`, `-D connect authentication-data TEXT`: enhanced authentication that ends with
 * its first packet. Who needs a conversation needs a method of the library. §4.12. Room: pure. @module */

import type { AuthenticationMethod } from "../../client/authentication_method.ts";
import { CommandError } from "../answer.ts";

export function fixedAuthentication(name: string, data: Uint8Array | undefined): AuthenticationMethod {
  return {
    name,
    begin: () => ({
      first: () => data,
      next: () => {
        throw new CommandError(`the broker asks for another step of ${name}, which this command does not know`);
      },
      finish: () => undefined,
    }),
  };
}
