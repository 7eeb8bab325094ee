/** Chromium without a window: a page of a test in a real browser. @module */

import { assert } from "@std/assert";
import { type CertificatePair, HAS_OPENSSL, openssl } from "../support/certificates.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { patiently } from "./client_program.ts";

/** A name of somebody else, which means this machine for the browser of the test: DNS rebinding. */
export const STRANGER = "stranger.test";
const COMMANDS = ["chromium", "chromium-browser", "google-chrome"];
const command = await findChromium();

/** @param needsOpenssl for certificates. */
export function chromiumTest(name: string, fn: () => Promise<void>, needsOpenssl = false): void {
  const missing = command === undefined
    ? "no Chromium: apt-get install chromium"
    : needsOpenssl && !HAS_OPENSSL
    ? "no openssl: apt-get install openssl"
    : undefined;
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && Deno.env.get("CI") !== "true",
    fn: async () => {
      assert(missing === undefined, `CI=true, and ${missing}`);
      await fn();
    },
  });
}

async function findChromium(): Promise<string | undefined> {
  for (const name of COMMANDS) {
    try {
      const { success } = await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      if (success) return name;
    } catch {
      // There is no such program.
    }
  }
  return undefined;
}

export interface PageOptions {
  /** By which the browser asks for the page. Default "127.0.0.1". */
  readonly host?: string;
  /** Served over https with it; the browser takes it for good, whatever name it bears. */
  readonly certificate?: CertificatePair;
}

/** Opens a page in which `script`, the body of an async function, runs with `url` and MQTT.js as `mqtt`.
 * @returns what the script returned. @throws with what it threw. */
export async function inPage(url: string, script: string, options: PageOptions = {}): Promise<unknown> {
  const { host = "127.0.0.1", certificate } = options;
  const outcome = Promise.withResolvers<{ value?: unknown; error?: string }>();
  const library = await Deno.readTextFile(new URL("../dist/mqtt.min.js", import.meta.resolve("mqtt")));
  const page = `<!doctype html><meta charset="utf-8"><title>test</title><script src="/mqtt.min.js"></script><script>
    const tell = (outcome) => fetch("/outcome", { method: "POST", body: JSON.stringify(outcome) });
    (async (url) => { ${script} })(${JSON.stringify(url)}).then(
      (value) => tell({ value }), (error) => tell({ error: String(error && error.stack || error) }));
  </script>`;
  const tls = certificate && {
    cert: await Deno.readTextFile(certificate.certFile),
    key: await Deno.readTextFile(certificate.keyFile),
  };
  const address = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using server = Deno.serve({ ...address, ...tls }, async (request) => {
    switch (new URL(request.url).pathname) {
      case "/":
        return new Response(page, { headers: { "Content-Type": "text/html" } });
      case "/mqtt.min.js":
        return new Response(library, { headers: { "Content-Type": "text/javascript" } });
      case "/outcome":
        outcome.resolve(await request.json());
        return new Response();
      default:
        return new Response(null, { status: 404 });
    }
  });
  const folder = await Deno.makeTempDir({ prefix: "quetzal-chromium-" });
  const browser = new Deno.Command(command!, {
    args: [
      "--headless",
      "--no-sandbox", // tests run as root in containers
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--no-proxy-server",
      `--user-data-dir=${folder}`,
      `--host-resolver-rules=MAP ${STRANGER} 127.0.0.1`,
      ...(certificate ? [`--ignore-certificate-errors-spki-list=${await keyHashOf(certificate)}`] : []),
      `${certificate ? "https" : "http"}://${host}:${server.addr.port}/`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const complaints = new ProcessOutput(browser.stderr);
  try {
    const early = browser.status.then(({ code }) => {
      throw new Error(`Chromium ended with ${code}: ${complaints.text}`);
    });
    const { value, error } = await patiently(Promise.race([outcome.promise, early]));
    if (error !== undefined) throw new Error(`in the page: ${error}`);
    return value;
  } finally {
    try {
      browser.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await browser.status;
    await complaints.ended;
    await Deno.remove(folder, { recursive: true }).catch(() => {
      // A helper of the browser still writes there; the system's folder for temporary files is emptied anyway.
    });
  }
}

/** By which Chromium knows a key. */
async function keyHashOf({ certFile }: CertificatePair): Promise<string> {
  const pem = openssl("x509", "-in", certFile, "-noout", "-pubkey");
  const key = Uint8Array.fromBase64(pem.replace(/-----[^-]+-----|\s/g, ""));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", key)).toBase64();
}
