/** What went over the wires since the start: counted where it happens, read by $SYS and the metrics. @module */

export class Traffic {
  bytesReceived = 0;
  bytesSent = 0;
  packetsReceived = 0;
  packetsSent = 0;
  publishesReceived = 0;
  publishesSent = 0;
  publishBytesReceived = 0;
  publishBytesSent = 0;
  /** QoS 0 messages that a full outbound buffer could not take. */
  publishesDropped = 0;
}
