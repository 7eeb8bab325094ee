/** The Will Message of a Session: kept with it, sent when its Client is gone. Spec §3.1.2.5, §3.1.3.2.2. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";

export interface Will {
  /** Owned. Its receivedAtMs is set when it is published: the expiry counts from then. */
  readonly message: ApplicationMessage;
  /** Seconds, 0–0xFFFFFFFF. */
  readonly willDelayInterval: number;
}
