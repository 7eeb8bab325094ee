/** src/auth/mosquitto_import.ts, with what mosquitto_passwd writes where it is installed. @module */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ImportError, parseAclFile, parsePasswordFile } from "../../src/auth/mosquitto_import.ts";
import { verifyPassword } from "../../src/auth/password.ts";

const SALT = "A".repeat(16);
const HASH = "A".repeat(86) + "==";
/** A record of the tests of Argon2's reference implementation: "password", "somesalt". */
const ARGON2ID = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** CI has all programs: there a skip would hide something. */
const missing = await whyMissing();
const ALL_ARE_HERE = Deno.env.get("CI") === "true";

async function whyMissing(): Promise<string | undefined> {
  try {
    await new Deno.Command("mosquitto_passwd", { args: ["-h"], stdout: "null", stderr: "null" }).output();
    return undefined;
  } catch {
    return "there is no mosquitto_passwd; install the package mosquitto";
  }
}

for (const [option, kind] of [["sha512", "sha512"], ["sha512-pbkdf2", "pbkdf2-sha512"]]) {
  Deno.test({
    name: `parsePasswordFile() reads what mosquitto_passwd -H ${option} writes` +
      (missing === undefined ? "" : ` (skipped: ${missing})`),
    ignore: missing !== undefined && !ALL_ARE_HERE,
    async fn() {
      const file = await Deno.makeTempFile();
      try {
        for (const name of ["sensor-1", "Grüne Küche"]) {
          const args = ["-b", "-H", option, file, name, "correct horse"];
          const { success, stderr } = await new Deno.Command("mosquitto_passwd", { args }).output();
          assert(success, new TextDecoder().decode(stderr));
        }
        const users = parsePasswordFile(await Deno.readTextFile(file), file);
        assertEquals(users.map(({ name }) => name), ["sensor-1", "Grüne Küche"]);
        for (const { credentials } of users) {
          assertEquals(credentials.kind, kind);
          assert(await verifyPassword(credentials, bytes("correct horse")));
          assert(!await verifyPassword(credentials, bytes("correct horsf")));
        }
      } finally {
        await Deno.remove(file);
      }
    },
  });
}

Deno.test("parsePasswordFile() reads Argon2's encoding", async () => {
  const [{ credentials }] = parsePasswordFile(`sensor-1:${ARGON2ID}`, "passwd");
  assert(credentials.kind === "argon2id");
  assertEquals([credentials.memoryKiB, credentials.passes, credentials.lanes], [256, 2, 1]);
  assertEquals(credentials.salt, bytes("somesalt"));
  assert(await verifyPassword(credentials, bytes("password")));
  assert(!await verifyPassword(credentials, bytes("Password")));
});

Deno.test("parsePasswordFile() passes over comments, empty lines, a byte order mark and line ends of Windows", () => {
  const text = `\u{feff}# comment\r\n\r\n  \nsensor-1:$6$${SALT}$${HASH}\r\n`;
  assertEquals(parsePasswordFile(text, "passwd"), [{
    name: "sensor-1",
    credentials: { kind: "sha512", salt: new Uint8Array(12), hash: new Uint8Array(64) },
  }]);
  assertEquals(parsePasswordFile("", "passwd"), []);
});

const KNOWN = "; known are $6$, $7$ and $argon2id$";
const NOT_HASHED = "this is no password hash; hash the file's passwords with mosquitto_passwd -U";
const NONE_OF_THEM = "this is none of the hashes that mosquitto_passwd writes: $6$, $7$ and $argon2id$";
const REFUSED_PASSWORDS: [line: string, problem: string][] = [
  ["sensor-1", "there is no colon; a line is NAME:HASH, as mosquitto_passwd writes it"],
  [`:$6$${SALT}$${HASH}`, "a name has at least one character"],
  [` :$6$${SALT}$${HASH}`, "a name has at least one character"],
  [`a\x1bb:$6$${SALT}$${HASH}`, "a name has no control characters"],
  [`${"a".repeat(1025)}:$6$${SALT}$${HASH}`, "a name has at most 1024 bytes, this one has 1025"],
  ["sensor-1:", "there is no password hash behind the colon"],
  ["sensor-1:hunter2", NOT_HASHED],
  ["sensor-1:hunter2:x", NOT_HASHED],
  ["sensor-1:$hunter2", NONE_OF_THEM],
  ["sensor-1:$hunter2$hunter2$hunter2", NONE_OF_THEM],
  [`sensor-1:$5$${SALT}$${HASH}`, `the kind of hash $5$ is not known${KNOWN}`],
  ["sensor-1:$2b$12$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", `the kind of hash $2b$ is not known${KNOWN}`],
  [ARGON2ID.replace("$argon2id", "sensor-1:$argon2i"), `the kind of hash $argon2i$ is not known${KNOWN}`],
  [`sensor-1:$6$${SALT}`, "the hash has not the form $6$SALT$HASH"],
  [`sensor-1:$6$$${HASH}`, "the hash has not the form $6$SALT$HASH"],
  [`sensor-1:$6$${SALT}$${HASH}$`, "the hash has not the form $6$SALT$HASH"],
  [`sensor-1:$6$${SALT}$${HASH}:1`, "the hash is no base64"],
  [`sensor-1:$6$${SALT}$${HASH.slice(0, -2)}`, "the hash is no base64"],
  [`sensor-1:$6$${SALT}$AAAA`, "the hash has not 64 bytes"],
  [`sensor-1:$6$A*AA$${HASH}`, "the salt is no base64"],
  [`sensor-1:$6$AAAA$${HASH}`, "the salt has not 12 or 64 bytes"],
  [`sensor-1:$7$${SALT}$${HASH}`, "the hash has not the form $7$ITERATIONS$SALT$HASH"],
  [`sensor-1:$7$0$${SALT}$${HASH}`, "the number of iterations is not from 1 to 10000000"],
  [`sensor-1:$7$-1$${SALT}$${HASH}`, "the number of iterations is not from 1 to 10000000"],
  [`sensor-1:$7$1e9$${SALT}$${HASH}`, "the number of iterations is not from 1 to 10000000"],
  [`sensor-1:$7$10000001$${SALT}$${HASH}`, "the number of iterations is not from 1 to 10000000"],
  [`sensor-1:${ARGON2ID.replace("v=19", "v=16")}`, "Argon2 is known in version 19 only"],
  [`sensor-1:${ARGON2ID.replace("v=19$", "")}`, "the hash has not the form $argon2id$v=19$m=…,t=…,p=…$SALT$HASH"],
  [`sensor-1:${ARGON2ID.replace(",p=1", "")}`, "the parameters of Argon2 are m=…,t=…,p=…"],
  [`sensor-1:${ARGON2ID.replace("m=256", "m=7")}`, "Argon2 needs 8 KiB of memory or more for each lane"],
  [`sensor-1:${ARGON2ID.replace("m=256", "m=1048577")}`, "the number of KiB of memory is not from 1 to 1048576"],
  [`sensor-1:${ARGON2ID.replace("t=2", "t=0")}`, "the number of passes is not from 1 to 100"],
  [`sensor-1:${ARGON2ID.replace("t=2", "t=101")}`, "the number of passes is not from 1 to 100"],
  [`sensor-1:${ARGON2ID.replace("p=1", "p=0")}`, "the number of lanes is not from 1 to 16"],
  [`sensor-1:${ARGON2ID.replace("c29tZXNhbHQ", "c29t")}`, "the salt is too short"],
  [`sensor-1:${ARGON2ID.replace(/\$[^$]*$/, "$AAAA")}`, "the hash is too short"],
];
for (const [line, problem] of REFUSED_PASSWORDS) {
  Deno.test(`parsePasswordFile() refuses ${JSON.stringify(line.slice(0, 80))}: ${problem}`, () => {
    const text = `# first\nreader:${ARGON2ID}\n${line}\n`;
    const { problems } = assertThrows(() => parsePasswordFile(text, "passwd"), ImportError);
    assertEquals(problems, [`passwd:3: ${problem}`]);
    assert(!problems[0].includes("hunter2"), "no password is shown");
  });
}

Deno.test("parsePasswordFile() tells of each wrong line, and of a user that is there twice", () => {
  const text = `a:${ARGON2ID}\nb\nc:\na:${ARGON2ID}\n`;
  const { problems } = assertThrows(() => parsePasswordFile(text, "passwd"), ImportError);
  assertEquals(problems.map((problem) => problem.split(" ")[0]), ["passwd:2:", "passwd:3:", "passwd:4:"]);
  assertEquals(problems[2], 'passwd:4: the user "a" is here a second time');
});

Deno.test("parseAclFile() knows whom a line is for, and its access", () => {
  const text = [
    "# for clients without a user name",
    "topic read public/#",
    "",
    "user sensor 1",
    "topic sensors/1",
    "topic readwrite   a/+/b",
    "topic write out/#",
    "topic deny out/secret",
    "user reader",
    "topic read $SYS/#",
    "pattern write $SYS/broker/connection/%c/state",
    "pattern deny users/%u/secret/#",
  ].join("\r\n");
  const rows = parseAclFile(text, "acl").map(({ effect, subjectKind, subjectName, action, topicFilter }) =>
    [effect, subjectKind, subjectName, action, topicFilter].join(" ")
  );
  assertEquals(rows, [
    "deny user sensor 1 all out/secret",
    "deny everyone  all users/%u/secret/#",
    "allow anonymous  subscribe public/#",
    "allow user sensor 1 all sensors/1",
    "allow user sensor 1 all a/+/b",
    "allow user sensor 1 publish out/#",
    "allow user reader subscribe $SYS/#",
    "allow everyone  publish $SYS/broker/connection/%c/state",
  ]);
});

const REFUSED_RULES: [line: string, problem: string][] = [
  ["topics a", "a line begins with user, topic, pattern or #, and not with topics"],
  ["TOPIC a", "a line begins with user, topic, pattern or #, and not with TOPIC"],
  ["sensor-1:$6$AAAA", "a line begins with user, topic, pattern or #"],
  ["user", "user needs a name"],
  ["topic", "the topic is missing"],
  ["pattern", "the topic is missing"],
  ["topic deny", "deny stands alone; if it is the topic, write readwrite deny"],
  ["topic reed a/b", '"reed" is none of read, write, readwrite and deny'],
  ["topic constructor a/b", '"constructor" is none of read, write, readwrite and deny'],
  ["topic read a/b+", '+ stands for a whole level, and "b+" has more in it'],
  ["topic read a/b#", '# stands for whole levels, and "b#" has more in it'],
  ["topic read a/#/b", "# stands at the end only"],
  [
    "topic read $share/g/a",
    "a rule is about what comes after $share/name/: the same holds for shared and other subscriptions",
  ],
  ["pattern read a/%x", "%x is no variable; there are %u, %c, ${user}, ${client-id} and ${role}"],
  ["pattern read a/${user}", "${user} means itself here to Mosquitto, and would be a variable in the rule"],
  [
    "topic read a/%u",
    "%u means itself here to Mosquitto, and would be a variable in the rule; did you mean a pattern line?",
  ],
  ["pattern read a/${role}", "${role} means itself here to Mosquitto, and would be a variable in the rule"],
];
for (const [line, problem] of REFUSED_RULES) {
  Deno.test(`parseAclFile() refuses "${line}"`, () => {
    const { problems } = assertThrows(() => parseAclFile(`topic a\n${line}\ntopic b`, "acl"), ImportError);
    assertEquals(problems, [`acl:2: ${problem}`]);
  });
}

Deno.test("parseAclFile() takes a % that begins no variable as it is", () => {
  const filters = parseAclFile("topic a/%\ntopic 100%/b\ntopic a/%/$b", "acl").map((rule) => rule.topicFilter);
  assertEquals(filters, ["a/%", "100%/b", "a/%/$b"]);
});
