export interface PromptSecretOptions {
  /** Shown for each character; "" = nothing. Default "*". */
  mask?: string;
  /** Take the question away afterwards. */
  clear?: boolean;
}
/** Asks on standard output, and reads one line without showing it. @returns null: standard input is no terminal. */
export function promptSecret(message?: string, options?: PromptSecretOptions): string | null;
