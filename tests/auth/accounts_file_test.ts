/** What AccountsFile says after the system told when the files were written. @module */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { AccountsFile } from "../../src/auth/accounts_file.ts";
import { FakeClock } from "../support/fake_clock.ts";

const TELLS_OF_WRITES = Deno.build.os !== "windows";

/** Files whose times are set by hand, and a clock that stands still. */
class Files implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "quetzal-test-" });
  readonly path = join(this.#folder, "accounts.kv");
  readonly log = `${this.path}-wal`;
  readonly clock = new FakeClock();
  readonly file = new AccountsFile(this.path, this.clock);

  constructor() {
    for (const path of [this.path, this.log]) this.write(path, "first", -10_000);
  }

  write(path: string, text: string, writtenBeforeNowMs: number): void {
    Deno.writeTextFileSync(path, text);
    this.setTime(path, writtenBeforeNowMs);
  }

  setTime(path: string, fromNowMs: number): void {
    const time = new Date(this.clock.wallMs() + fromNowMs);
    Deno.utimeSync(path, time, time);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

const SYSTEM = { ignore: !TELLS_OF_WRITES }; // Windows is never trusted: the last test

Deno.test("AccountsFile is untouched until somebody writes to it or to its log", SYSTEM, () => {
  using files = new Files();
  const { file, path, log } = files;
  assertEquals(file.isUntouched(), false, "never looked at");
  assertEquals(file.isUntouched(), true);
  for (const changed of [path, log]) {
    files.write(changed, "longer than the first", -10_000);
    assertEquals(file.isUntouched(), false, "another size");
    assertEquals(file.isUntouched(), true);
    files.setTime(changed, -5_000);
    assertEquals(file.isUntouched(), false, "another time, as when the log begins anew");
    assertEquals(file.isUntouched(), true);
  }
});

Deno.test("AccountsFile trusts no time so near that another write could bear the same", SYSTEM, () => {
  using files = new Files();
  files.write(files.log, "later", -99);
  assertEquals(files.file.isUntouched(), false);
  assertEquals(files.file.isUntouched(), false);
  files.clock.advance(2);
  assertEquals(files.file.isUntouched(), false);
  assertEquals(files.file.isUntouched(), true);
});

Deno.test("AccountsFile is trusted for a second", SYSTEM, () => {
  using files = new Files();
  assertEquals(files.file.isUntouched(), false);
  files.clock.advance(999);
  assertEquals(files.file.isUntouched(), true);
  files.clock.advance(1);
  assertEquals(files.file.isUntouched(), false);
  assertEquals(files.file.isUntouched(), true);
});

Deno.test("AccountsFile is not untouched when it was replaced, or is gone", SYSTEM, () => {
  using files = new Files();
  const { file, path } = files;
  assertEquals(file.isUntouched(), false);
  Deno.renameSync(path, `${path}.old`);
  files.write(path, "first", -10_000);
  assertEquals(file.isUntouched(), false, "as large and as old, and another file");
  assertEquals(file.isUntouched(), true);
  assertEquals(file.isThere(), true);
  Deno.removeSync(path);
  assertEquals(file.isThere(), false);
  assertEquals(file.isUntouched(), false);
  assertEquals(file.isUntouched(), false);
});

// Where the system tells at once there is nothing of this to see.
if (!TELLS_OF_WRITES) {
  Deno.test("AccountsFile is never untouched where a write may be told of late", () => {
    using files = new Files();
    assertEquals(files.file.isUntouched(), false);
    assertEquals(files.file.isUntouched(), false);
  });
}
