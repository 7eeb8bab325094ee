/** What the broker counts about itself, beside the traffic: for $SYS and the metrics. @module */

export class Statistics {
  /** Connected clients at once, at most so far. */
  clientsMaximum = 0;
  /** Sessions that ended because their Session Expiry Interval passed. */
  clientsExpired = 0;
  /** Network Connections since the start. */
  connectionsOpened = 0;
  /** CONNECTs since the start, accepted or not. */
  connectsReceived = 0;
  /** QoS 1 and 2 messages that a full queue could not take. */
  queueDropped = 0;
  /** Messages whose Message Expiry Interval passed before they were sent. */
  messagesExpired = 0;
  /** Messages that could not be kept as retained since the limit is reached. */
  retainedRefused = 0;
}
