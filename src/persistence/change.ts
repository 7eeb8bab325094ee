/** The kinds of changes in a packed batch, and what each consists of: `pack_changes.ts` writes them, `batch_commit.ts`
 * carries them out. A batch is: the store's time (8), the machine's time (8), changes to the end, in an order in which
 * nothing is deleted that a later one refers to. @module */

export const Change = {
  /** key (8), length (4), message */
  PutBody: 1,
  /** session (8), position (8), state (1), Packet Identifier (2), QoS (1), RETAIN (1), expires at (8), Shared
   * Subscription's full filter (string, "" = none), number of Subscription Identifiers (4), each (4), bytes by
   * `deliveryBytes` (4), key of the body (8, 0 = the message follows), length (4), message */
  PutOutgoing: 2,
  /** session (8), position (8), state (1), Packet Identifier (2) */
  UpdateOutgoing: 3,
  /** session (8), first position (8), last position (8) */
  DeleteOutgoing: 4,
  /** Topic Name, key of the body (8, 0 = the message follows), length (4), message */
  PutRetained: 5,
  /** Topic Name */
  DeleteRetained: 6,
  /** key (8), Client Identifier, has a user name (1), user name, remote host, is connected (1), Session Expiry Interval
   * (4), expires at (8), has a will (1): Will Delay Interval (4), due at (8), length (4), message */
  PutSession: 7,
  /** key (8) */
  DeleteSession: 8,
  /** session (8), full filter, QoS (1), No Local (1), Retain As Published (1), Subscription Identifier (4) */
  PutSubscription: 9,
  /** session (8), full filter */
  DeleteSubscription: 10,
  /** session (8), Packet Identifier (2) */
  PutIncomingQoS2: 11,
  DeleteIncomingQoS2: 12,
} as const;
