/** What happens to the dispatcher beside packets: answers that come later, and time. They go through one inbox, so
 * that there is one owner and one order. @module */

import type { AuthenticationStep, AuthenticationVerdict } from "../auth/authenticator.ts";
import type { OutgoingRecord } from "../persistence/store.ts";
import type { ClientSession } from "./client_session.ts";
import type { Connection } from "./connection.ts";

export type BrokerEvent =
  /** The authenticator has decided on a CONNECT. */
  | { readonly kind: "authenticated"; readonly connection: Connection; readonly verdict: AuthenticationVerdict }
  /** The authenticator has taken a step of an enhanced authentication. */
  | { readonly kind: "authentication-step"; readonly connection: Connection; readonly step: AuthenticationStep }
  /** What the authorizer answers may have changed. */
  | { readonly kind: "rights-changed" }
  /** The store has made more changes safe. */
  | { readonly kind: "safe" }
  /** The store has read queued messages, or could not. */
  | {
    readonly kind: "read-back";
    readonly session: ClientSession;
    readonly answer: readonly OutgoingRecord[] | Error;
  }
  /** It may be asked again. */
  | { readonly kind: "read-again"; readonly session: ClientSession }
  /** A connection that was behind has caught up. */
  | { readonly kind: "relief"; readonly connection: Connection }
  /** The next slices of the walks over the retained messages. */
  | { readonly kind: "walk" }
  /** Time has passed. */
  | { readonly kind: "tick" };
