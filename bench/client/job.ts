/** What one process of the client's bench does, and what came of it. Types only. @module */

export const CONTESTANTS = ["quetzal", "mqtt.js"] as const;
export type ContestantName = typeof CONTESTANTS[number];

export const TASKS = ["publish-qos0", "subscribe-qos0", "publish-qos1"] as const;
export type TaskName = typeof TASKS[number];

export interface ClientJob {
  readonly contestant: ContestantName;
  readonly task: TaskName;
  readonly port: number;
  readonly payloadBytes: number;
  /** Messages that are under way at once: handed over together at QoS 0, unacknowledged at QoS 1. */
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  /** How long is measured; it ends earlier where `messagesMax` were counted. As they travel as JSON, numbers are
   * finite. */
  readonly seconds: number;
  readonly messagesMax: number;
}

export interface ClientResult {
  readonly messages: number;
  readonly seconds: number;
  /** Processor time of the process in the measured time, in all its threads. */
  readonly cpuSeconds: number;
}

export const TOPIC = "bench/client/temperature";
