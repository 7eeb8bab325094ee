/** `deno task compile` and `deno task compile:windows`: the module graph goes into one program.
 * Each task runs as it is, but for its output; the runtime part that `deno compile` would download is replaced by
 * another executable of the same format, so that no network is needed. What comes out holds the whole graph and is not
 * meant to run. @module */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

const TASKS: [task: string, file: string, runtime: (folder: string) => Promise<string>][] = [
  ["compile", Deno.build.os === "windows" ? "quetzal.exe" : "quetzal", () => Promise.resolve(Deno.execPath())],
  ["compile:windows", "quetzal.exe", async (folder) => {
    const path = `${folder}/runtime.exe`;
    await Deno.writeFile(path, emptyWindowsProgram());
    return path;
  }],
];

for (const [task, file, runtime] of TASKS) {
  Deno.test(`deno task ${task} puts the whole module graph into ${file}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const output = `${folder}/${file}`;
      const runtimePath = await runtime(folder);
      const command = new Deno.Command(Deno.execPath(), {
        args: await argumentsOf(task, output),
        cwd: ROOT,
        env: { DENORT_BIN: runtimePath, NO_COLOR: "1" },
        stdin: "null",
        stdout: "null",
      });
      const { success, stderr } = await command.output();
      const report = new TextDecoder().decode(stderr);
      assert(success, report);
      for (
        const part of [
          "main.ts",
          "server.ts",
          "store_thread.ts",
          "reading_thread.ts",
          "backup_thread.ts",
          "cli",
          "broker",
          "valibot",
          "@logtape/logtape",
        ]
      ) {
        assert(report.includes(part), `${part} is not in the program:\n${report}`);
      }
      // What only tests and tools need stays out.
      for (const part of ["fast-check", "to-json-schema", "mqtt-packet"]) assert(!report.includes(part), part);
      assert((await Deno.stat(output)).size > (await Deno.stat(runtimePath)).size + 1_000_000, "nothing was embedded");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** The task's own words, with another output. */
async function argumentsOf(task: string, output: string): Promise<string[]> {
  const manifest = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const words = (manifest.tasks[task].command as string).split(" ");
  assertEquals(words[0], "deno");
  words[words.indexOf("--output") + 1] = output;
  return words.slice(1);
}

/** The least that is a 64-bit Windows program: headers, and one section of code without code.
 * Layout: Microsoft, "PE Format". */
function emptyWindowsProgram(): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const view = new DataView(bytes.buffer);
  const set16 = (offset: number, value: number) => view.setUint16(offset, value, true);
  const set32 = (offset: number, value: number) => view.setUint32(offset, value, true);
  const headers = 0x80;
  set16(0, 0x5A4D); // "MZ"
  set32(0x3C, headers);
  set32(headers, 0x4550); // "PE\0\0"
  const file = headers + 4;
  set16(file, 0x8664); // Machine: x86-64
  set16(file + 2, 1); // NumberOfSections
  set16(file + 16, 240); // SizeOfOptionalHeader
  set16(file + 18, 0x22); // Characteristics: executable, large addresses
  const optional = file + 20;
  set16(optional, 0x20B); // Magic: PE32+
  set32(optional + 16, 0x1000); // AddressOfEntryPoint
  view.setBigUint64(optional + 24, 0x1_4000_0000n, true); // ImageBase
  set32(optional + 32, 0x1000); // SectionAlignment
  set32(optional + 36, 0x200); // FileAlignment
  set16(optional + 40, 6); // MajorOperatingSystemVersion
  set16(optional + 48, 6); // MajorSubsystemVersion
  set32(optional + 56, 0x2000); // SizeOfImage
  set32(optional + 60, 0x200); // SizeOfHeaders
  set16(optional + 68, 3); // Subsystem: console
  set32(optional + 108, 16); // NumberOfRvaAndSizes
  const section = optional + 240;
  bytes.set(new TextEncoder().encode(".text"), section);
  set32(section + 8, 0x200); // VirtualSize
  set32(section + 12, 0x1000); // VirtualAddress
  set32(section + 16, 0x200); // SizeOfRawData
  set32(section + 20, 0x200); // PointerToRawData
  set32(section + 36, 0x60000020); // Characteristics: code, executable, readable
  return bytes;
}
