/** Mosquitto's password file and ACL file → users and rules. In: texts. Out: what they say, or an `ImportError` with all
 * that is wrong, line by line; a file with one wrong line gives nothing, since a line that is half understood may let
 * somebody in (CVE-2018-12550, CVE-2018-12551). Formats: mosquitto_passwd(1), mosquitto.conf(5) `acl_file`, of versions
 * 1.x to 2.1. Room: pure; no password is ever part of a message. @module */

import type { AclAction, AclRule } from "./account_records.ts";
import { nameProblem } from "./account_names.ts";
import type { Credentials } from "./credentials.ts";
import { writtenFilterProblem } from "./rule_filter.ts";

export class ImportError extends Error {
  override readonly name = "ImportError";

  /** @param problems a line each: "passwd:3: …" */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

export interface ImportedUser {
  readonly name: string;
  readonly credentials: Credentials;
}

export type ImportedRule = Omit<AclRule, "number">;

/** SHA-512, as long as Mosquitto makes it. */
const HASH_BYTES = 64;
/** Versions before 2.1 make 12, later ones 64. */
const SALT_BYTES: readonly number[] = [12, 64];
/** A login that takes longer than some seconds is no login. mosquitto_passwd makes 101 or 1,000 unless it is told. */
const ITERATIONS_MAX = 10_000_000;
const MEMORY_KIB_MAX = 1024 * 1024;
const ARGON2_VERSION = "19";
const PASSES_MAX = 100;
const LANES_MAX = 16;

/** `NAME:HASH`, a line each; empty lines, and such that begin with #, are nothing.
 * @param path stands in messages.
 * @throws ImportError */
export function parsePasswordFile(text: string, path: string): ImportedUser[] {
  const users = new Map<string, ImportedUser>();
  parseLines(text, path, (line) => {
    const colon = line.indexOf(":");
    // Not even a part of the line is shown: it may be a password.
    if (colon < 0) throw new Problem("there is no colon; a line is NAME:HASH, as mosquitto_passwd writes it");
    const name = userName(line.slice(0, colon).trim());
    if (users.has(name)) throw new Problem(`the user "${name}" is here a second time`);
    users.set(name, { name, credentials: parseHash(line.slice(colon + 1).trim()) });
  });
  return [...users.values()];
}

/** `user NAME`, `topic [read|write|readwrite|deny] FILTER`, `pattern […] FILTER`. In the order in which Mosquitto asks:
 * for each user, and for patterns, those that deny first.
 * @throws ImportError */
export function parseAclFile(text: string, path: string): ImportedRule[] {
  const rules: ImportedRule[] = [];
  /** undefined: no `user` line was there yet, and topics are for clients without a user name. */
  let user: string | undefined;
  parseLines(text, path, (line) => {
    const [, keyword, rest] = /^(\S+)\s*(.*)$/s.exec(line)!;
    if (keyword === "user") {
      if (rest === "") throw new Problem("user needs a name");
      user = userName(rest);
    } else if (keyword === "topic") {
      rules.push(...rulesOf(rest, user === undefined ? "anonymous" : "user", user ?? ""));
    } else if (keyword === "pattern") {
      rules.push(...rulesOf(rest, "everyone", ""));
    } else {
      const what = /^[a-z]+$/i.test(keyword) ? `, and not with ${keyword}` : "";
      throw new Problem(`a line begins with user, topic, pattern or #${what}`);
    }
  });
  // A stable sort: otherwise they stay as they are in the file.
  return rules.toSorted((a, b) => Number(a.effect === "allow") - Number(b.effect === "allow"));
}

/** What is wrong with one line. */
class Problem extends Error {}

function parseLines(text: string, path: string, parse: (line: string) => void): void {
  const problems: string[] = [];
  // Editors of Windows put a byte order mark before the first line.
  for (const [index, whole] of text.replace(/^\u{feff}/u, "").split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    try {
      parse(line);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(`${path}:${index + 1}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new ImportError(problems);
}

function userName(name: string): string {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new Problem(problem);
  return name;
}

function parseHash(hash: string): Credentials {
  const [before, kind, ...parts] = hash.split("$");
  if (hash === "") throw new Problem("there is no password hash behind the colon");
  if (before !== "") throw new Problem("this is no password hash; hash the file's passwords with mosquitto_passwd -U");
  switch (kind) {
    case "6": {
      const [salt, digest] = partsOf(parts, 2, "$6$SALT$HASH");
      return { kind: "sha512", salt: saltOf(salt), hash: digestOf(digest) };
    }
    case "7": {
      const [iterations, salt, digest] = partsOf(parts, 3, "$7$ITERATIONS$SALT$HASH");
      return {
        kind: "pbkdf2-sha512",
        iterations: numberOf(iterations, "iterations", ITERATIONS_MAX),
        salt: saltOf(salt),
        hash: digestOf(digest),
      };
    }
    case "argon2id":
      return parseArgon2id(partsOf(parts, 4, "$argon2id$v=19$m=…,t=…,p=…$SALT$HASH"));
  }
  // Something that begins with $ may still be a password: only what is surely a hash is named.
  if (/^[a-z0-9-]{1,16}$/i.test(kind) && hash.length >= 30 && parts.length >= 2) {
    throw new Problem(`the kind of hash $${kind}$ is not known; known are $6$, $7$ and $argon2id$`);
  }
  throw new Problem("this is none of the hashes that mosquitto_passwd writes: $6$, $7$ and $argon2id$");
}

/** The encoding of the reference implementation of Argon2: base64 without padding. */
function parseArgon2id([version, parameters, salt, digest]: readonly string[]): Credentials {
  if (version !== `v=${ARGON2_VERSION}`) throw new Problem(`Argon2 is known in version ${ARGON2_VERSION} only`);
  const match = /^m=(\d+),t=(\d+),p=(\d+)$/.exec(parameters);
  if (match === null) throw new Problem("the parameters of Argon2 are m=…,t=…,p=…");
  const memoryKiB = numberOf(match[1], "KiB of memory", MEMORY_KIB_MAX);
  const lanes = numberOf(match[3], "lanes", LANES_MAX);
  // RFC 9106 §3.1.
  if (memoryKiB < 8 * lanes) throw new Problem("Argon2 needs 8 KiB of memory or more for each lane");
  const saltBytes = base64(salt.padEnd(Math.ceil(salt.length / 4) * 4, "="), "salt");
  const hash = base64(digest.padEnd(Math.ceil(digest.length / 4) * 4, "="), "hash");
  if (saltBytes.length < 8) throw new Problem("the salt is too short");
  if (hash.length < 16) throw new Problem("the hash is too short");
  const passes = numberOf(match[2], "passes", PASSES_MAX);
  return { kind: "argon2id", memoryKiB, passes, lanes, salt: saltBytes, hash };
}

function partsOf(parts: readonly string[], length: number, form: string): readonly string[] {
  if (parts.length !== length || parts.includes("")) throw new Problem(`the hash has not the form ${form}`);
  return parts;
}

function numberOf(text: string, what: string, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(number >= 1 && number <= max)) throw new Problem(`the number of ${what} is not from 1 to ${max}`);
  return number;
}

function saltOf(text: string): Uint8Array {
  const salt = base64(text, "salt");
  if (!SALT_BYTES.includes(salt.length)) throw new Problem(`the salt has not ${SALT_BYTES.join(" or ")} bytes`);
  return salt;
}

/** A shorter one would be easier to guess, down to one that everything fits. */
function digestOf(text: string): Uint8Array {
  const digest = base64(text, "hash");
  if (digest.length !== HASH_BYTES) throw new Problem(`the hash has not ${HASH_BYTES} bytes`);
  return digest;
}

function base64(text: string, what: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    throw new Problem(`the ${what} is no base64`);
  }
}

const ACCESS: Readonly<Record<string, readonly [effect: AclRule["effect"], action: AclAction]>> = {
  read: ["allow", "subscribe"],
  write: ["allow", "publish"],
  readwrite: ["allow", "all"],
  deny: ["deny", "all"],
};

/** @param text "read sensors/#"; without an access, "readwrite" is meant. */
function rulesOf(
  text: string,
  subjectKind: "user" | "anonymous" | "everyone",
  subjectName: string,
): ImportedRule[] {
  if (text === "") throw new Problem("the topic is missing");
  const [, access, rest] = /^(\S+)\s+(.+)$/s.exec(text) ?? [];
  if (access !== undefined && !Object.hasOwn(ACCESS, access)) {
    throw new Problem(`"${access}" is none of read, write, readwrite and deny`);
  }
  if (Object.hasOwn(ACCESS, text)) {
    throw new Problem(`${text} stands alone; if it is the topic, write readwrite ${text}`);
  }
  const topicFilter = rest ?? text;
  const [effect, action] = ACCESS[access ?? "readwrite"];
  requireFilter(topicFilter, subjectKind === "everyone");
  return [{ effect, subjectKind, subjectName, action, topicFilter }];
}

/** @param isPattern %u and %c are variables; in a `topic` line they are not, and `${…}` nowhere. */
function requireFilter(filter: string, isPattern: boolean): void {
  const foreign = (isPattern ? /\$\{[^}]*\}?/ : /%[uc]|\$\{[^}]*\}?/).exec(filter);
  if (foreign !== null) {
    throw new Problem(
      `${foreign[0]} means itself here to Mosquitto, and would be a variable in the rule` +
        (isPattern ? "" : "; did you mean a pattern line?"),
    );
  }
  const problem = writtenFilterProblem(filter);
  if (problem !== undefined) throw new Problem(problem);
}
