/** Certificates for a bench on this machine, made by openssl: an authority, and a server's for 127.0.0.1, both with ECDSA on
 * P-256, as certificates are made today. @module */

export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A folder with certificates, which goes with this. */
export class CertificateFolder implements Disposable, Certificates {
  readonly #folder = Deno.makeTempDirSync({ prefix: "quetzal-bench-" });
  readonly caFile = `${this.#folder}/ca.crt`;
  readonly certFile = `${this.#folder}/server.crt`;
  readonly keyFile = `${this.#folder}/server.key`;

  /** @throws when openssl is not there. */
  constructor() {
    const caKey = `${this.#folder}/ca.key`;
    const request = `${this.#folder}/server.csr`;
    const extensions = `${this.#folder}/server.ext`;
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    Deno.writeTextFileSync(extensions, "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    openssl([
      "req",
      "-x509",
      ...key,
      "-keyout",
      caKey,
      "-out",
      this.caFile,
      "-days",
      "2",
      "-subj",
      "/CN=bench authority",
    ]);
    openssl(["req", ...key, "-keyout", this.keyFile, "-out", request, "-subj", "/CN=localhost"]);
    const signing = ["-CA", this.caFile, "-CAkey", caKey, "-CAcreateserial", "-days", "1", "-extfile", extensions];
    openssl(["x509", "-req", "-in", request, ...signing, "-out", this.certFile]);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function openssl(args: string[]): void {
  const { success, stderr } = new Deno.Command("openssl", { args, stdin: "null", stderr: "piped" }).outputSync();
  if (!success) throw new Error(`openssl ${args[0]} failed:\n${new TextDecoder().decode(stderr)}`);
}
