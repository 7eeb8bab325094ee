export interface DelayOptions {
  signal?: AbortSignal;
  /** false: the waiting alone does not keep the process alive. Default true. */
  persistent?: boolean;
}
/** Resolves after `ms` milliseconds. */
export function delay(ms: number, options?: DelayOptions): Promise<void>;
