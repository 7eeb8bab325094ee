/** The short form of `deno task test:file-size`. @module */

import { assertLess } from "@std/assert";
import { passThrough } from "./file_size.ts";

Deno.test("the files grow no further than what they hold, however much passes through", async () => {
  const { tenths, payloadBytes } = await passThrough(200_000);
  // The log is written back into the file after 16 MiB, and each message has a row around it.
  const allowed = payloadBytes * 3 + 32 * 1024 * 1024;
  for (const bytes of tenths) assertLess(bytes, allowed);
  assertLess(tenths[9], tenths[4] * 1.25);
});
