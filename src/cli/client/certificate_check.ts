/** Looks at the files of TLS before anything connects: Deno ends the whole program, with the stack of its own bug, when a
 * key does not belong to its certificate, and takes a file without certificates for a list of none. @module */

import { getLog } from "../../base/log.ts";
import { readCredentials } from "../../transport/certificate_files.ts";
import { CommandError } from "../answer.ts";
import type { ConnectionSettings } from "./connection_settings.ts";

/** @throws CommandError that says which file is wrong, and how. */
export function requireCertificates({ caFile, certFile, keyFile }: NonNullable<ConnectionSettings["tls"]>): void {
  try {
    if (caFile !== undefined && !Deno.readTextFileSync(caFile).includes("CERTIFICATE-----")) {
      throw new Error(`no certificate in PEM form ("-----BEGIN CERTIFICATE-----") is in this file`);
    }
  } catch (error) {
    throw new CommandError(`--cafile ${caFile}: ${error instanceof Error ? error.message : error}`);
  }
  if (certFile === undefined || keyFile === undefined) return;
  try {
    // The log of a command is silent: of dates the broker has the last word.
    readCredentials({ certFile, keyFile }, getLog("client"));
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}
