/** src/base/rotating_file.ts @module */

import { assertEquals, assertThrows } from "@std/assert";
import { RotatingFile } from "../../src/base/rotating_file.ts";

async function withFolder(use: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The files of a folder with their texts, by name. */
function filesOf(folder: string): Record<string, string> {
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)]));
}

Deno.test("RotatingFile.append() puts a full file aside, and keeps so many files", async () => {
  await withFolder((folder) => {
    const file = new RotatingFile(`${folder}/a.log`, 10, 3);
    for (const line of ["one\n", "two\n", "three\n", "four\n", "five\n", "six\n", "seven\n", "eight\n"]) {
      file.append(line);
    }
    file.close();
    assertEquals(filesOf(folder), {
      "a.log": "eight\n",
      "a.log.1": "six\nseven\n",
      "a.log.2": "four\nfive\n",
    });
  });
});

Deno.test("RotatingFile.append() never leaves a file larger than its bound, but for one long line", async () => {
  await withFolder((folder) => {
    const file = new RotatingFile(`${folder}/a.log`, 100, 100);
    let written = "";
    for (let index = 0; index < 200; index++) {
      const line = `${index} ${"é".repeat(index % 30)}\n`;
      written += line;
      file.append(line);
    }
    file.append("x".repeat(500) + "\n");
    file.append("end\n");
    file.close();
    const files = filesOf(folder);
    const byAge = Object.keys(files).sort((a, b) => age(b) - age(a));
    assertEquals(byAge.map((name) => files[name]).join(""), written + "x".repeat(500) + "\nend\n");
    const large = byAge.filter((name) => new TextEncoder().encode(files[name]).length > 100);
    assertEquals(large.length, 1);
  });
  function age(name: string): number {
    return Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  }
});

Deno.test("RotatingFile counts what a file had before", async () => {
  await withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a.log`, "12345678\n");
    const file = new RotatingFile(`${folder}/a.log`, 10, 2);
    file.append("90\n");
    file.close();
    assertEquals(filesOf(folder), { "a.log": "90\n", "a.log.1": "12345678\n" });
  });
});

Deno.test("RotatingFile with one file begins it anew", async () => {
  await withFolder((folder) => {
    const file = new RotatingFile(`${folder}/a.log`, 6, 1);
    file.append("one\n");
    file.append("two\n");
    file.close();
    assertEquals(filesOf(folder), { "a.log": "two\n" });
  });
});

Deno.test("RotatingFile.append() goes on in the same file when it cannot be put aside, and tries again later", async () => {
  await withFolder((folder) => {
    // A folder with something in it stands where the older file should go.
    Deno.mkdirSync(`${folder}/a.log.1/in the way`, { recursive: true });
    const file = new RotatingFile(`${folder}/a.log`, 10, 2);
    file.append("one\n");
    file.append("two\n");
    file.append("three\n");
    assertEquals(Deno.readTextFileSync(`${folder}/a.log`), "one\ntwo\nthree\n");
    Deno.removeSync(`${folder}/a.log.1`, { recursive: true });
    file.append("four\n");
    file.close();
    assertEquals(filesOf(folder), { "a.log": "four\n", "a.log.1": "one\ntwo\nthree\n" });
  });
});

Deno.test({
  name: "RotatingFile.append() fails when there is no folder any more, and goes on when it is back",
  // Windows removes no folder with an open file in it.
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder((folder) => {
      Deno.mkdirSync(`${folder}/logs`);
      const file = new RotatingFile(`${folder}/logs/a.log`, 5, 2);
      file.append("one\n");
      Deno.removeSync(`${folder}/logs`, { recursive: true });
      assertThrows(() => file.append("two\n"), Deno.errors.NotFound);
      assertThrows(() => file.append("three\n"), Deno.errors.NotFound);
      Deno.mkdirSync(`${folder}/logs`);
      file.append("four\n");
      file.close();
      assertEquals(filesOf(`${folder}/logs`), { "a.log": "four\n" });
    }),
});

Deno.test("RotatingFile fails at once when the file cannot be opened", () => {
  assertThrows(() => new RotatingFile("/nowhere/at/all/a.log", 10, 2), Deno.errors.NotFound);
});
