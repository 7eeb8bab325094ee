/** What ended a command of the client: one line for people, and the exit code that scripts know from Mosquitto's clients.
 * Room: pure. @module */

import { ConnectRefusedError, MqttError, ServerProtocolError } from "../../client/errors.ts";
import { connackReturnCode } from "../../packet/reason_code.ts";
import { CommandError } from "../answer.ts";

/** Mosquitto's MOSQ_ERR_TIMEOUT. */
export const TIMED_OUT = 27;
const FAILED = 1;

export interface ClientFailure {
  readonly text: string;
  readonly code: number;
}

/** @param protocolVersion as it was asked for: a 3.x CONNACK has numbers of its own.
 * @returns undefined for what is no failure but a bug. */
export function failureOf(error: unknown, protocolVersion: 3 | 4 | 5 | undefined): ClientFailure | undefined {
  if (error instanceof ConnectRefusedError) {
    const code = protocolVersion === undefined || protocolVersion === 5
      ? error.reasonCode
      : connackReturnCode(error.reasonCode) ?? FAILED;
    return { text: error.message, code };
  }
  if (error instanceof ServerProtocolError) {
    // Most often another program listens on that port.
    return { text: `the broker breaks the protocol, or speaks another one: ${error.message}`, code: FAILED };
  }
  // rustls's words for: what answers does not speak TLS.
  if (error instanceof MqttError && error.message.includes("InvalidContentType")) {
    return { text: `${error.message}; is this a port for TLS?`, code: FAILED };
  }
  if (error instanceof MqttError || error instanceof CommandError) return { text: error.message, code: FAILED };
  // A path that cannot be read, a host that has no address.
  if (isOfTheWorld(error)) return { text: error.message, code: FAILED };
  return undefined;
}

function isOfTheWorld(error: unknown): error is Error {
  return Object.values(Deno.errors).some((kind) => error instanceof kind);
}
