/** src/cli/client/parse_client_options.ts, and the tables that it reads by. @module */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/arguments.ts";
import { CLIENT_COMMANDS, type ClientCommandName } from "../../../src/cli/client/client_commands.ts";
import { parseClientOptions, spellings } from "../../../src/cli/client/parse_client_options.ts";
import { loadClientCommand } from "../../../src/cli/client/run_client_command.ts";
import { cli } from "./support.ts";

const { options: PUB } = await loadClientCommand("pub");
const { options: SUB } = await loadClientCommand("sub");

Deno.test("parseClientOptions() takes what stands behind an option as its value, whatever it looks like", () => {
  const { flags, values, operands } = parseClientOptions("pub", PUB, ["-t", "t", "-m", "-5", "-r", "-x", "-1"]);
  assertEquals([values.get("topic"), values.get("message")], [[["t"]], [["-5"]]]);
  assertEquals(values.get("session-expiry-interval"), [["-1"]]);
  assertEquals([[...flags], operands], [["retain"], []]);
});

Deno.test("parseClientOptions() gives -D three values, and four for a user property", () => {
  const args = ["-D", "publish", "content-type", "-x", "--property", "connect", "user-property", "k", "v", "-r"];
  const { flags, values } = parseClientOptions("pub", PUB, args);
  assertEquals(values.get("property"), [["publish", "content-type", "-x"], ["connect", "user-property", "k", "v"]]);
  assertEquals([...flags], ["retain"]);
});

Deno.test("parseClientOptions() keeps all values of what may be given several times, else the last one", () => {
  const { values } = parseClientOptions("sub", SUB, ["-t", "a", "--topic=b=c", "-q", "1", "-q", "2"]);
  assertEquals([values.get("topic"), values.get("qos")], [[["a"], ["b=c"]], [["2"]]]);
});

Deno.test("parseClientOptions() takes all behind -- for no options", () => {
  assertEquals(parseClientOptions("pub", PUB, ["-r", "--", "-t", "x"]).operands, ["-t", "x"]);
});

const REFUSED: [args: string[], message: string][] = [
  [["-t"], "-t needs a value: -t greenhouse/temperature"],
  [["-D", "publish", "user-property", "k"], "-D needs PACKET, NAME, VALUE: "],
  [["--retain=yes"], "--retain=yes: --retain is a flag; write it without a value"],
  [["--retian"], "there is no option --retian; did you mean --retain?"],
  [["-z"], "there is no option -z; pub --help lists the options"],
  [["-rd"], "-rd: letters stand alone here; write -r -d"],
  [["--psk", "00"], "--psk: Deno's TLS (rustls) is used, which knows no such thing; use certificates"],
  [["-S"], "-S: SRV records are not looked up"],
  [["--proxy", "x"], "--proxy: there is no way through a SOCKS proxy here"],
];
for (const [args, message] of REFUSED) {
  Deno.test(`parseClientOptions() says what is wrong with ${args.join(" ")}`, () => {
    assertThrows(() => parseClientOptions("pub", PUB, args), UsageError, message);
  });
}

/** Those of mosquitto_pub 2.0 and mosquitto_sub 2.0, by their manuals. */
const BOTH = "-A -c -d -D -h -i -I -k -L -p -P -q -t -u -V -x --cafile --capath --cert --ciphers --debug " +
  "--disable-clean-session --help --host --id --id-prefix --insecure --keepalive --key --keyform --nodelay --port " +
  "--property --protocol-version --proxy --psk --psk-identity --pw --qos --quiet --tls-alpn --tls-engine " +
  "--tls-engine-kpass-sha1 --tls-use-os-certs --tls-version --topic --unix --url --username --will-payload --will-qos " +
  "--will-retain --will-topic -S";
const KNOWN: Readonly<Record<string, string>> = {
  pub:
    `${BOTH} -f -l -m -M -n -r -s --file --message --null-message --repeat --repeat-delay --retain --stdin-file --stdin-line`,
  sub: `${BOTH} -C -E -F -N -R -T -U -v -W --filter-out --pretty --random-filter --remove-retained --retained-only ` +
    "--retain-as-published --unsubscribe --verbose",
};
for (const [name, known] of Object.entries(KNOWN)) {
  Deno.test(`${name} knows every option of mosquitto_${name}`, async () => {
    const { options } = await loadClientCommand(name as ClientCommandName);
    const ours = new Set(options.flatMap(spellings));
    assertEquals(known.split(" ").filter((spelling) => !ours.has(spelling)), []);
  });
}

for (const name of Object.keys(CLIENT_COMMANDS) as ClientCommandName[]) {
  Deno.test(`${name} --help shows each option with an example that the command understands`, async () => {
    const { options, examples } = await loadClientCommand(name);
    for (const args of [[name, "--help"], ["help", name]]) {
      const { code, printed } = await cli(args);
      assertEquals(code, 0);
      for (const option of options.filter(({ refusal }) => refusal === undefined)) {
        assert(printed.includes(`  ${spellings(option).join(", ")}`), option.name);
        assert(printed.includes(`(e.g. ${option.example})`), option.name);
      }
      for (const option of options.filter(({ refusal }) => refusal !== undefined)) {
        assert(printed.includes(` ${spellings(option)[0]}`), option.name);
      }
    }
    const own = examples.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
    assert(own.length > 0);
    const lines = [...own, ...options.map(({ example }) => example)];
    for (const line of lines) parseClientOptions(name, options, words(line));
    const all = options.flatMap(spellings);
    assertEquals(all.length, new Set(all).size, "a spelling stands for one option");
  });
}

/** As a shell would take them apart. */
function words(line: string): string[] {
  const [command] = line.split(/ [<>] /);
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

Deno.test("a command of the client stands first", async () => {
  const { code, complaints } = await cli(["--port", "1884", "pub"]);
  assertEquals([code, complaints], [2, "quetzal: pub stands first, and its options behind it: pub --help"]);
});
