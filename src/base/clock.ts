/** Time, given to those who need it; read once per turn. @module */

export interface Clock {
  /** Milliseconds that never jump: for keep-alive, time-outs and delays. Origin arbitrary. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC: for deadlines that survive a restart, and for people. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
