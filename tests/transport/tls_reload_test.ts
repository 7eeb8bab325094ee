/** src/transport/tls.ts: certificates whose files change. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CertificatePair } from "../support/certificates.ts";
import { answers, authority, EchoServer, foreign, pair, sClient, test, withOwn } from "./tls_support.ts";

/** A folder of its own, so that its files can be replaced. */
function copyOf({ certFile, keyFile }: CertificatePair): CertificatePair & { put(other: CertificatePair): void } {
  const folder = Deno.makeTempDirSync({ dir: authority.folder });
  const own = { certFile: `${folder}/server.pem`, keyFile: `${folder}/server.key` };
  const put = (other: CertificatePair) => {
    Deno.copyFileSync(other.certFile, own.certFile);
    Deno.copyFileSync(other.keyFile, own.keyFile);
  };
  put({ certFile, keyFile });
  return { ...own, put };
}

async function subjectAt(port: number): Promise<string> {
  const said = await sClient(port, "sesame\n", "-CAfile", authority.caFile);
  return /subject=(.*)/.exec(said)![1];
}

test("listenTls() takes new certificates from their files, and leaves connections alone", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 20 });
  const before = await server.connect(authority);
  assert(await answers(before));
  files.put(authority.server({ subject: "/CN=renewed" }));
  await server.log.until("info: ");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  assert(await answers(before));
  before.close();
});

test("listenTls() keeps the former certificate while the new files are broken, and says why", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 20 });
  const renewed = authority.server({ subject: "/CN=renewed" });
  // The certificate first, the key later.
  Deno.copyFileSync(renewed.certFile, files.certFile);
  await server.log.until("error: ");
  assertStringIncludes(server.log.lines.at(-1)!, "does not belong to the certificate");
  assertStringIncludes(await subjectAt(server.port), "localhost");
  Deno.copyFileSync(renewed.keyFile, files.keyFile);
  await server.log.until("info: ");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  Deno.removeSync(files.certFile);
  await server.log.until("there is no such file");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  assertEquals(server.log.lines.length, 3, server.log.lines.join("\n"));
});

test("listenTls() loses no arrival while certificates change", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 5 });
  const pairs = [authority.server({ subject: "/CN=renewed" }), pair];
  let isDone = false;
  let count = 0;
  const arrivals = (async () => {
    while (!isDone) {
      const client = await server.connect(authority);
      assert(await answers(client));
      client.close();
      count++;
    }
  })();
  for (let change = 1; change <= 6; change++) {
    files.put(pairs[change % 2]);
    while (server.log.lines.filter((line) => line.startsWith("info: ")).length < change) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  isDone = true;
  await arrivals;
  assertEquals([server.arrivals.length, server.failures], [count, []]);
});

test("listenTls() obeys a new CA: who came in by the former one stays out, with its session, too", async () => {
  const other = foreign("/CN=New CA");
  const caFile = `${authority.folder}/changing-ca.pem`;
  Deno.copyFileSync(authority.caFile, caFile);
  await using server = await EchoServer.open({ ...pair, caFile, requireClientCertificate: true, pollMs: 20 });
  const old = withOwn(authority.client("sensor-1"));
  const ticket = `${authority.folder}/former`;
  const base = ["-tls1_3", "-CAfile", authority.caFile];
  assertStringIncludes(await sClient(server.port, "sesame\n", ...base, ...old, "-sess_out", ticket), "sesame\n");
  Deno.copyFileSync(other.caFile, caFile);
  await server.log.until("info: ");
  for (const session of [[], ["-sess_in", ticket]]) {
    const said = await sClient(server.port, "sesame\n", ...base, ...old, ...session);
    assertEquals(said.includes("sesame\n"), false, said);
  }
  const client = await server.connect({ caFile: authority.caFile, ...other.client("sensor-2") });
  assert(await answers(client));
  client.close();
});
