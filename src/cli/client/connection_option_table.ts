/** Rows that all commands of the client share: where to, as whom, over what, and the Will Message. Room: pure. @module */

import type { ClientOption } from "./client_option.ts";
import { propertyArgumentCount } from "./property_arguments.ts";

const OPENSSL = "Deno's TLS (rustls) is used, which knows no such thing";

export const CONNECTION_OPTIONS: readonly ClientOption[] = [
  {
    name: "host",
    short: "h",
    valueNames: ["HOST"],
    about: "connect to this host; default localhost",
    example: "-h 127.0.0.1",
  },
  {
    name: "port",
    short: "p",
    valueNames: ["NUMBER"],
    about: "connect to this port; default 1883, with TLS 8883, with WebSocket 80 and 443",
    example: "-p 1884",
  },
  {
    name: "url",
    short: "L",
    valueNames: ["URL"],
    about: "where to, as whom, and the topic, in one: mqtt, mqtts, ws, wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]",
    example: "-L mqtt://localhost/greenhouse/temperature",
  },
  {
    name: "unix",
    valueNames: ["PATH"],
    about: "connect through a Unix domain socket",
    example: "--unix /run/quetzal.sock",
  },
  { name: "ws", about: "over WebSocket, at /mqtt unless --ws-path says where", example: "--ws -p 8083" },
  {
    name: "ws-path",
    valueNames: ["PATH"],
    about: "the path of the WebSocket endpoint",
    example: "--ws --ws-path /broker",
  },
  {
    name: "profile",
    valueNames: ["NAME"],
    about: "begin with what `profile save NAME` kept; other options win over it",
    example: "--profile greenhouse",
  },
  {
    name: "id",
    short: "i",
    valueNames: ["ID"],
    about: "the Client Identifier; default: the broker's choice",
    example: "-i reader",
  },
  {
    name: "id-prefix",
    short: "I",
    valueNames: ["TEXT"],
    about: "a Client Identifier of this text and the number of the process",
    example: "-I reader-",
  },
  {
    name: "protocol-version",
    short: "V",
    valueNames: ["5|311|31"],
    about:
      "the version of MQTT (also mqttv5, mqttv311, mqttv31); default 5, and 3.1.1 where the broker does not know that",
    example: "-V 311",
  },
  {
    name: "disable-clean-session",
    short: "c",
    about: "resume the session of this Client Identifier, and let it stay when the client leaves",
    example: "-c -i reader",
  },
  {
    name: "session-expiry-interval",
    short: "x",
    valueNames: ["SECONDS"],
    about: "how long the session stays; -1 or ∞ = for ever. Default 0, with -c for ever",
    example: "-x 3600 -i reader",
  },
  {
    name: "keepalive",
    short: "k",
    valueNames: ["SECONDS"],
    about: "after this long without a packet say that we are there; 0 = never. Default 60",
    example: "-k 30",
  },
  { name: "username", short: "u", valueNames: ["NAME"], about: "the user name", example: "-u reader" },
  {
    name: "pw",
    short: "P",
    valueNames: ["PASSWORD"],
    about: "the password. Others on this machine can read it here: rather use one of the next two, or QUETZAL_PASSWORD",
    example: "-u reader -P secret",
  },
  { name: "password-prompt", about: "ask for the password", example: "-u reader --password-prompt" },
  {
    name: "password-file",
    valueNames: ["FILE"],
    about: "read the password from the first line of a file",
    example: "-u reader --password-file ./password",
  },
  {
    name: "will-topic",
    valueNames: ["TOPIC"],
    about: "what the broker publishes if we vanish: on this topic",
    example: "--will-topic greenhouse/status --will-payload gone",
  },
  {
    name: "will-payload",
    valueNames: ["TEXT"],
    about: "the Will Message; default: an empty one",
    example: "--will-topic greenhouse/status --will-payload gone",
  },
  { name: "will-qos", valueNames: ["0|1|2"], about: "its QoS; default 0", example: "--will-topic t --will-qos 1" },
  { name: "will-retain", about: "it is retained", example: "--will-topic t --will-retain" },
  {
    name: "property",
    short: "D",
    valueNames: ["PACKET", "NAME", "VALUE"],
    countOf: propertyArgumentCount,
    repeatable: true,
    about:
      "a property of MQTT 5.0, for connect, publish, subscribe, disconnect or will; user-property takes a name and a value",
    example: "-D publish content-type text/plain -D connect user-property key value",
  },
  {
    name: "cafile",
    valueNames: ["FILE"],
    about: "TLS: trust who is certified by these (PEM)",
    example: "--cafile ./ca.crt",
  },
  {
    name: "cert",
    valueNames: ["FILE"],
    about: "our certificate (PEM)",
    example: "--cert ./client.crt --key ./client.key",
  },
  {
    name: "key",
    valueNames: ["FILE"],
    about: "our private key (PEM)",
    example: "--cert ./client.crt --key ./client.key",
  },
  {
    name: "tls",
    aliases: ["tls-use-os-certs"],
    about: "TLS, and trust whom the system trusts; the default on port 8883",
    example: "--tls",
  },
  {
    name: "insecure",
    about: "TLS: take the broker for the one that it says it is. Never outside of a test",
    example: "--cafile ./ca.crt --insecure",
  },
  {
    name: "tls-version",
    valueNames: ["tlsv1.2|tlsv1.3"],
    about: "understood; TLS 1.3 is used where the broker has it, else 1.2",
    example: "--tls-version tlsv1.3",
  },
  { name: "keyform", valueNames: ["pem"], about: "understood: pem is the only form", example: "--keyform pem" },
  { name: "nodelay", ignored: true, about: "understood: packets never wait for others here", example: "--nodelay" },
  {
    name: "debug",
    short: "d",
    about: "say each packet, in the words of Mosquitto's clients",
    example: "-d",
  },
  { name: "packets", about: "say each packet, in one line on standard error", example: "--packets" },
  { name: "quiet", about: "say nothing of what goes wrong; the exit code tells", example: "--quiet" },
  { name: "help", about: "show this help, and end", example: "--help" },
  refused("capath", "FOLDER", "put the certificates into one file, and name it with --cafile"),
  refused("ciphers", "LIST", OPENSSL),
  refused("tls-alpn", "PROTOCOL", OPENSSL),
  refused("tls-engine", "ENGINE", OPENSSL),
  refused("tls-engine-kpass-sha1", "SHA1", OPENSSL),
  refused("psk", "KEY", `${OPENSSL}; use certificates`),
  refused("psk-identity", "ID", `${OPENSSL}; use certificates`),
  refused("proxy", "URL", "there is no way through a SOCKS proxy here; forward a port (ssh -L), and connect to that"),
  refused("A", "ADDRESS", "the system chooses the address that we come from; Deno cannot be told"),
  {
    name: "S",
    refusal: "SRV records are not looked up; name the host and the port with -h and -p",
    about: "",
    example: "",
  },
];

function refused(name: string, valueName: string, refusal: string): ClientOption {
  return { name, valueNames: [valueName], refusal, about: "", example: "" };
}
