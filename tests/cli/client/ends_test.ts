/** How commands of the client end when something is not as it should be: nobody reads, nobody acknowledges, files that do
 * not go together. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCommandLine } from "../../../src/cli/run.ts";
import { HAS_OPENSSL, TestAuthority } from "../../support/certificates.ts";
import { Program } from "../../support/program.ts";
import { cli } from "./support.ts";

for (const command of ["bench --duration 0.1 --warm-up 0", "ping --count 1", "sub -t # --retained-tree"]) {
  Deno.test(`${command} ends quietly when nobody reads its output any more`, async () => {
    await using program = await Program.start();
    const complaints: string[] = [];
    const [name, ...options] = command.split(" ");
    const code = await runCommandLine([name, "-h", "127.0.0.1", "-p", program.url.port, ...options], {
      print: () => {},
      complain: (line) => void complaints.push(line),
      write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
      environment: {},
    });
    assertEquals([code, complaints.filter((line) => !line.includes("no retained messages"))], [0, []]);
  });
}

Deno.test("sub refuses --no-local on a shared subscription before it connects", async () => {
  const { code, complaints } = await cli(["sub", "-t", "a", "-t", "$share/g/a", "--no-local"]);
  assertEquals([code, complaints], [
    2,
    'quetzal: sub: --no-local is not for a shared subscription, as "$share/g/a" is one',
  ]);
});

Deno.test({
  name: "a key that does not belong to its certificate is told before anything connects: Deno would panic",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    const authority = TestAuthority.make();
    const [one, another] = [authority.issue({}), authority.issue({})];
    const { code, complaints } = await cli(
      ["pub", "-t", "t", "-n", "--cafile", authority.caFile, "--cert", one.certFile, "--key", another.keyFile],
    );
    assertEquals(code, 1);
    assertStringIncludes(complaints, "this private key does not belong to the certificate in");
  },
});

Deno.test("a --cafile without certificates is told before anything connects", async () => {
  const { code, complaints } = await cli(["pub", "-t", "t", "-n", "--cafile", "deno.json"]);
  assertEquals(code, 1);
  assertStringIncludes(complaints, "--cafile deno.json: no certificate in PEM form");
});

for (
  const [port, tls, words] of [
    ["HTTP", [], "quetzal: the broker breaks the protocol, or speaks another one: "],
    ["HTTP", ["--tls"], "; is this a port for TLS?"],
  ] as const
) {
  Deno.test(`pub says what may be wrong with a port of ${port} ${tls}`, async () => {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response());
    const { code, complaints } = await cli(
      ["pub", "-h", "127.0.0.1", "-p", String(server.addr.port), "-t", "t", "-n", ...tls],
    );
    assertEquals(code, 1);
    assertStringIncludes(complaints, words);
  });
}

Deno.test("a Reason String cannot command the terminal", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1024));
    // CONNACK 0x87 with the Reason String ESC "c": a terminal that obeyed would be empty now.
    await connection.write(Uint8Array.of(0x20, 8, 0, 0x87, 5, 0x1f, 0, 2, 0x1b, 0x63));
    await connection.read(new Uint8Array(1024));
  })();
  const { code, complaints } = await cli(
    ["pub", "-h", "127.0.0.1", "-p", String((listener.addr as Deno.NetAddr).port), "-t", "t", "-n"],
  );
  await serving;
  assertEquals([code, complaints], [135, "quetzal: the Server refused: Not authorized (\\u{1b}c)"]);
});

withWatcher("-d shows a topic on a terminal without its control characters", true, "a\\u{1b}c");
withWatcher("-d says a topic to a program as it is", false, "a\x1bc");

function withWatcher(name: string, isWatched: boolean, shown: string): void {
  Deno.test(name, async () => {
    await using program = await Program.start();
    const args = ["pub", "-h", "127.0.0.1", "-p", program.url.port, "-t", "a\x1bc", "-n", "-d"];
    assertStringIncludes((await cli(args, { isWatched })).printed, `'${shown}'`);
  });
}

Deno.test({
  name: "pub ends soon after Ctrl+C, and says so, when the broker acknowledges nothing",
  // There Ctrl+C cannot be sent to one process.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        ..."run -A --no-check main.ts pub -V 311 -q 1 -t t -m m -h 127.0.0.1 -p".split(" "),
        String((listener.addr as Deno.NetAddr).port),
      ],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    using connection = await listener.accept();
    const buffer = new Uint8Array(1024);
    await connection.read(buffer);
    await connection.write(Uint8Array.of(0x20, 2, 0, 0));
    // PUBLISH
    await connection.read(buffer);
    process.kill("SIGINT");
    const { code, stderr } = await process.output();
    assertEquals([code, new TextDecoder().decode(stderr)], [1, "quetzal: ended before everything was acknowledged\n"]);
  },
});
