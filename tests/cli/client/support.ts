/** Commands of the client in the test's process: arguments in; exit code, bytes and complaints out. @module */

import { runCommandLine } from "../../../src/cli/run.ts";
import type { ReceivedMessage } from "../../../src/cli/client/received_message.ts";
import { ByteText } from "../../../src/cli/client/byte_text.ts";

export interface CliResult {
  readonly code: number;
  /** Standard output, as text. */
  readonly printed: string;
  readonly bytes: Uint8Array;
  readonly complaints: string;
}

export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly isWatched?: boolean;
  readonly askSecret?: (question: string) => string;
  /** Called with each line of standard error. */
  readonly onComplaint?: (line: string) => void;
}

export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { input = "", environment = {}, isWatched = false, askSecret, onComplaint } = options;
  const out = new ByteText();
  const complaints: string[] = [];
  const code = await runCommandLine(args, {
    print: (line) => void out.add(`${line}\n`),
    complain: (line) => {
      complaints.push(line);
      onComplaint?.(line);
    },
    write: (bytes) => {
      out.add(bytes.slice());
      return Promise.resolve();
    },
    isWatched,
    askSecret,
    input: () => new Blob([typeof input === "string" ? input : input.slice()]).stream(),
    environment,
  });
  const { bytes } = out;
  return { code, bytes, printed: new TextDecoder().decode(bytes), complaints: complaints.join("\n") };
}

export function messageOf(payload: string | Uint8Array, rest: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return {
    topicName: "a/b",
    payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
    qos: 1,
    retain: true,
    properties: {},
    packetIdentifier: 1,
    atMs: new Date(2026, 10, 21, 23, 33, 31).getTime() + 264.287,
    ...rest,
  };
}
