/** Certificates for tests, made by `openssl` when they are needed, in a folder that goes when the tests have run.
 * @module */

/** Whether tests that need certificates can run here; what they are skipped for is printed once. */
export const HAS_OPENSSL = hasOpenssl();

/** Files in PEM form. */
export interface CertificatePair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  /** "/O=Greenhouse/CN=sensor-1" */
  readonly subject?: string;
  /** Of OpenSSL's form: "DNS:localhost,IP:127.0.0.1". */
  readonly subjectAltName?: string;
  /** From now; negative = expired. Default 30. */
  readonly days?: number;
  /** X.509 version 1: no extensions. */
  readonly isOld?: boolean;
  /** "rsa:2048", "ec" (P-256), "ed25519". Default "ec". */
  readonly algorithm?: string;
  /** May sign others. */
  readonly isAuthority?: boolean;
}

const SERVER_NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1";
let counter = 0;

/** A certification authority with what it has signed. */
export class TestAuthority {
  #isRemoved = false;

  private constructor(readonly folder: string, readonly caFile: string, readonly caKeyFile: string) {}

  static make(subject = "/CN=Test CA", options: { readonly isOld?: boolean } = {}): TestAuthority {
    const folder = Deno.makeTempDirSync({ prefix: "quetzal-certificates-" });
    const [caFile, caKeyFile] = [`${folder}/ca.pem`, `${folder}/ca.key`];
    openssl("req", "-new", ...newKey("ec"), "-keyout", caKeyFile, "-out", `${folder}/ca.csr`, "-subj", subject);
    const extensions = options.isOld ? [] : extensionFile(`${folder}/ca`, "basicConstraints=critical,CA:TRUE");
    const request = ["-req", "-in", `${folder}/ca.csr`, "-signkey", caKeyFile, "-days", "30"];
    openssl("x509", ...request, ...extensions, "-out", caFile);
    const authority = new TestAuthority(folder, caFile, caKeyFile);
    addEventListener("unload", () => authority.remove());
    return authority;
  }

  server(options: IssueOptions = {}): CertificatePair {
    return this.issue({ subject: "/CN=localhost", subjectAltName: SERVER_NAMES, ...options });
  }

  client(commonName: string, options: IssueOptions = {}): CertificatePair {
    return this.issue({ subject: `/O=Greenhouse/CN=${commonName}`, ...options });
  }

  issue(options: IssueOptions): CertificatePair {
    const base = `${this.folder}/${++counter}`;
    const { subject = "/CN=nobody", subjectAltName, days = 30, algorithm = "ec", isOld = false } = options;
    const [certFile, keyFile, request] = [`${base}.pem`, `${base}.key`, `${base}.csr`];
    openssl("req", "-new", "-utf8", ...newKey(algorithm), "-keyout", keyFile, "-out", request, "-subj", subject);
    const names = subjectAltName === undefined ? [] : [`subjectAltName=${subjectAltName}`];
    const constraints = `basicConstraints=CA:${options.isAuthority ? "TRUE" : "FALSE"}`;
    const extensions = isOld ? [] : extensionFile(base, constraints, ...names);
    if (days < 0) this.#signExpired(base, request, certFile, days, extensions);
    else {
      const signer = ["-CA", this.caFile, "-CAkey", this.caKeyFile, "-set_serial", `${++counter}`];
      openssl("x509", "-req", "-in", request, ...signer, "-days", `${days}`, ...extensions, "-out", certFile);
    }
    return { certFile, keyFile };
  }

  /** Only `openssl ca` knows a life that is over. */
  #signExpired(base: string, request: string, certFile: string, days: number, extensions: string[]): void {
    const config = `${base}.cnf`;
    Deno.writeTextFileSync(`${base}.index`, "");
    Deno.writeTextFileSync(
      config,
      `[ca]\ndefault_ca=here\n[here]\ndatabase=${base}.index\nrand_serial=yes\nnew_certs_dir=${this.folder}\n` +
        `default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\norganizationName=optional\n`,
    );
    const life = ["-startdate", dateFromNow(days - 30), "-enddate", dateFromNow(days)];
    const files = ["-in", request, "-out", certFile, "-cert", this.caFile, "-keyfile", this.caKeyFile];
    openssl("ca", "-batch", "-notext", "-config", config, ...files, ...life, ...extensions);
  }

  /** Otherwise the folder goes when the process ends. */
  remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** @returns what it wrote. @throws Error with what it complained about. */
export function openssl(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("openssl", { args, stdin: "null" }).outputSync();
  if (!success) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function newKey(algorithm: string): string[] {
  const kind = algorithm === "ec" ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["-newkey", algorithm];
  return [...kind, "-nodes"];
}

function extensionFile(base: string, ...lines: string[]): string[] {
  Deno.writeTextFileSync(`${base}.ext`, lines.join("\n") + "\n");
  return ["-extfile", `${base}.ext`];
}

/** "20260101000000Z" */
function dateFromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, "");
}

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    console.log("skipped: tests with certificates, which need the program openssl on the PATH");
    return false;
  }
}
