/** Accounts in a folder of their own, and the command line in this process. @module */

import { assertEquals } from "@std/assert";
import { AccountsStore } from "../../src/auth/accounts_store.ts";
import { verifyPassword } from "../../src/auth/password.ts";
import { runCommandLine } from "../../src/cli/run.ts";
import { TemporaryFolder } from "../support/store_files.ts";

/** What a person or a script gives. */
export interface Typed {
  readonly input?: string | Uint8Array;
  readonly secrets?: readonly string[];
}

export interface Result {
  readonly code: number;
  readonly printed: string;
  readonly complaints: string;
}

export class Accounts implements Disposable {
  readonly folder = new TemporaryFolder();

  get place(): string {
    return this.folder.file("accounts.kv");
  }

  async run(args: readonly string[], { input, secrets }: Typed = {}): Promise<Result> {
    const printed: string[] = [];
    const complaints: string[] = [];
    const left = [...secrets ?? []];
    const code = await runCommandLine([...args, "--data-dir", this.folder.path], {
      print: (text) => printed.push(text),
      complain: (text) => complaints.push(text),
      askSecret: secrets === undefined ? undefined : (question) => {
        printed.push(question);
        return left.shift()!;
      },
      input: input === undefined ? undefined : () => new Blob([input as BlobPart]).stream(),
      environment: {},
    });
    assertEquals(left, [], "questions that were not asked");
    return { code, printed: printed.join("\n"), complaints: complaints.join("\n") };
  }

  /** As words between single spaces. @returns what it printed. */
  async well(line: string, typed?: Typed): Promise<string> {
    const { code, printed, complaints } = await this.run(line.split(" "), typed);
    assertEquals([code, complaints], [0, ""], line);
    return printed;
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.well(`${line} --json`));
  }

  async fails(line: string, code: number, complaint: string, typed?: Typed): Promise<void> {
    assertEquals(await this.run(line.split(" "), typed), { code, printed: "", complaints: `quetzal: ${complaint}` });
  }

  async passwordIs(user: string, password: string): Promise<boolean> {
    using store = await AccountsStore.open(this.place, { create: false });
    const { credentials } = (await store.user(user))!;
    return await verifyPassword(credentials!, new TextEncoder().encode(password));
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
