/** A message of QoS 1 or 2 that the Server sent and that is not acknowledged yet: it is when every subscription that got it
 * is done with it. @module */

export class Receipt {
  /** Subscriptions that are not done with it. */
  pending = 0;
  /** It was handed to the program, or to nobody on purpose. false: it waits for a subscription that wants it. */
  isClaimed = true;

  constructor(readonly packetIdentifier: number, readonly qos: 1 | 2) {}

  get isDone(): boolean {
    return this.isClaimed && this.pending === 0;
  }
}
