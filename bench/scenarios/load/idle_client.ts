/** A Client that is connected and silent. @module */

import { LoadClient } from "./client.ts";
import type { Run } from "./run.ts";

export class IdleClient extends LoadClient {
  constructor(run: Run, index: number) {
    super(run, `idle-${run.job.nonce}-${index}`, index);
  }

  protected handle(firstByte: number): void {
    this.unexpected(firstByte);
  }
}
