/** src/transport/certificate_files.ts; what it says about broken files is tested through tls.ts. @module */

import { assertEquals } from "@std/assert";
import { CertificateWatch } from "../../src/transport/certificate_files.ts";

const INTERVAL_MS = 5;

Deno.test("CertificateWatch tells of a change once it has settled, and of nothing after close()", async () => {
  const folder = Deno.makeTempDirSync();
  const [certFile, keyFile, caFile] = ["cert", "key", "ca"].map((name) => `${folder}/${name}`);
  for (const file of [certFile, keyFile]) Deno.writeTextFileSync(file, "1");
  const files = { certFile, keyFile, caFile };
  let closedHeard = 0;
  let wake = () => {};
  let heard = 0;
  const closed = new CertificateWatch(files, INTERVAL_MS, () => closedHeard++);
  const watch = new CertificateWatch(files, INTERVAL_MS, () => {
    heard++;
    wake();
  });
  closed.close();
  // Each of them, one that comes and one that goes.
  const changes = [
    () => Deno.writeTextFileSync(certFile, "22"),
    () => Deno.writeTextFileSync(keyFile, "22"),
    () => Deno.writeTextFileSync(caFile, "22"),
    () => Deno.removeSync(caFile),
  ];
  for (const change of changes) {
    const told = new Promise<void>((resolve) => wake = resolve);
    change();
    await told;
  }
  // As an editor replaces a file: same size, same time, another file.
  const { mtime } = Deno.statSync(keyFile);
  Deno.writeTextFileSync(`${keyFile}.new`, "33");
  Deno.utimeSync(`${keyFile}.new`, mtime!, mtime!);
  const told = new Promise<void>((resolve) => wake = resolve);
  Deno.renameSync(`${keyFile}.new`, keyFile);
  await told;
  watch.close();
  assertEquals([heard, closedHeard], [5, 0]);
  Deno.removeSync(folder, { recursive: true });
});
