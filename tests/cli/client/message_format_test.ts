/** src/cli/client/message_format.ts: what mosquitto_sub 2.0 prints for the same messages. tests/system/client_command_test.ts
 * holds it against the program itself. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/arguments.ts";
import { MessageFormat } from "../../../src/cli/client/message_format.ts";
import type { ReceivedMessage } from "../../../src/cli/client/received_message.ts";
import { messageOf } from "./support.ts";

const HELLO = messageOf("hello");
const PROPERTIES = messageOf("hello", {
  properties: {
    contentType: "text/plain",
    correlationData: new TextEncoder().encode("cd"),
    payloadFormatIndicator: 1,
    responseTopic: "r/t",
    userProperties: [["k", "v"], ["k2", "v2"]],
    messageExpiryInterval: 100,
  },
});

const CASES: [format: string, message: ReceivedMessage, text: string][] = [
  ["%t|%10t|%-10t|%.2t|%6.2t|%-6.2t|%010t", HELLO, "a/b|       a/b|a/b       |a/|    a/|a/    |       a/b"],
  ["%5.t|%.t|%.20000t", HELLO, "     ||a/b"],
  ["%l|%5l|%05l|%-5l|%-05l|%5.3l", HELLO, "5|    5|00005|5    |5    |    5"],
  ["%m|%3m|%03m|%-3m|%q|%r|%3q", HELLO, "1|  1|001|1  |1|1|1"],
  ["%p|%10p|%-10p|%.3p|%3p|%07p|%-07p", HELLO, "hello|     hello|hello     |hello|hel|00hello|hello  "],
  ["%x|%4x|%04x|%-4x|%12x|%X", HELLO, "68656c6c6f|6865|6865|6865|        6865|68656C6C6F"],
  ["%012x|%-12x|%.1x|%5X", HELLO, "000000006865|6865        |68656c6c6f| 6865"],
  ["%A|%C|%D|%E|%F|%P|%R|%S", HELLO, "|||||||"],
  ["%5A|%05A|%05S|%-05S|%5E|%5R|%5C", HELLO, "     |00000|00000|00000|     ||     "],
  ["%A|%C|%D|%E|%F|%P|%R|%S", PROPERTIES, "|text/plain|cd|100|1|k:v k2:v2|r/t|"],
  ["%15C|%-15C|%.3C|%05E|%5E|%-5E", PROPERTIES, "     text/plain|text/plain     |tex|00100|  100|100  "],
  ["%3F|%03F|%5R|%.1R|%5D|%5P", PROPERTIES, "  1|001|  r/t|r|cd|k:v k2:v2"],
  ["%%|%5%|@@|\\\\|\\0|\\a\\e\\n\\r\\t\\v", HELLO, "%|%|@|\\|\0|\x07\x1b\n\r\t\v"],
  ["@Y-@m-@d @H:@M:@S @N @Q @ü", HELLO, "2026-11-21 23:33:31 264287000 %Q %ü"],
  ["%.10I|%-12.4I|", HELLO, "2026-11-21|2026        |"],
  ["ü%tß", HELLO, "üa/bß"],
  // Widths are bytes.
  ["%5t|%.1t", messageOf("", { topicName: "ü" }), "   ü|\ufffd"],
];
for (const [format, message, text] of CASES) {
  Deno.test(`MessageFormat prints ${format} of ${message === HELLO ? "a plain message" : message.topicName}`, () => {
    assertEquals(new TextDecoder().decode(formatted(format)(message)), text);
  });
}

Deno.test("MessageFormat hands a payload on byte by byte", () => {
  const payload = Uint8Array.of(0, 0xff, 0x0a, 0x80);
  assertEquals([...formatted("%p;")(messageOf(payload))], [...payload, 0x3b]);
});

const INCOMPLETE = "the format ends in the middle of a sequence";
const REFUSED: [format: string, part: string][] = [
  ["%z", "there is no format %z"],
  ["%5z", "there is no format %z"],
  ["%0-5l", "there is no format %-"],
  ["%+t", "there is no format %+"],
  ["\\q", "there is no escape \\q"],
  ...["a%", "a\\", "a@", "%5", "%-", "%5."].map((format): [string, string] => [format, INCOMPLETE]),
];
for (const [format, part] of REFUSED) {
  Deno.test(`MessageFormat refuses ${format}`, () => {
    assertThrows(() => new MessageFormat(format), UsageError, part);
  });
}

const JSON_CASES: [format: string, payload: string | Uint8Array, text: string][] = [
  ["%j", 'he"l\to\\ü\x01\x7f/', '"he\\"l\\to\\\\ü\\u0001\x7f/"'],
  ["%j", "", "null"],
  ["%J", '{"a": 1.50, "b":[1,2,{"c":null}], "d":true}', '{"a":1.5,"b":[1,2,{"c":null}],"d":true}'],
  ["%J", '"text"', '"text"'],
  ["%J", "", "null"],
  ["%J", " 5", "5"],
  ["%J", '{"2":0,"1":0,"1":1}', '{"2":0,"1":0,"1":1}'],
  ["%J", '"\\u00e9\\n\\/"', '"é\\n/"'],
  ["%J", "[1e3,-0,0.1,1e-7,123456.789]", "[1000,-0,0.1,1e-07,123456.789]"],
  ["%J", "[12345678901234567890,0.30000000000000004]", "[1.2345678901234567e+19,0.3]"],
  ["%J", "[1.7976931348623157e308,1E400,0.00001234]", "[1.79769313486232e+308,null,1.234e-05]"],
  ["%J", '["[{,:}]"]', '["[{,:}]"]'],
];
for (const [format, payload, text] of JSON_CASES) {
  Deno.test(`MessageFormat prints ${format} of ${payload}`, () => {
    const message = messageOf(payload);
    const printed = new TextDecoder().decode(formatted(format)(message));
    const [, time, rest] = /^\{"tst":"(.*?)\+\d{4}",(.*)$/.exec(printed.replace(/-(\d{4}",)/, "+$1"))!;
    assertEquals(time, "2026-11-21T23:33:31.264287Z");
    const { length } = message.payload;
    assertEquals(rest, `"topic":"a/b","qos":1,"retain":1,"payloadlen":${length},"mid":1,"payload":${text}}`);
  });
}

Deno.test("MessageFormat prints %j with the properties that are there", () => {
  const printed = new TextDecoder().decode(
    formatted("%j")({ ...PROPERTIES, qos: 0, packetIdentifier: 0 }),
  );
  assertEquals(
    printed.slice(printed.indexOf('"topic"')),
    '"topic":"a/b","qos":0,"retain":1,"payloadlen":5,"properties":{"content-type":"text/plain","correlation-data":"cd",' +
      '"payload-format-indicator":1,"response-topic":"r/t","user-properties":{"k":"v","k2":"v2"},' +
      '"message-expiry-interval":100},"payload":"hello"}',
  );
});

Deno.test("MessageFormat lays JSON out with line ends and tabs", () => {
  const payload = '{"a":{},"b":[],"c":[[1],2,{"d":"e"}]}';
  const printed = new TextDecoder().decode(formatted("%J", true)(messageOf(payload)));
  assertEquals(
    printed.replace(/^(\{\n\t"tst":\t)"[^"]*"/, "$1T"),
    '{\n\t"tst":\tT,\n\t"topic":\t"a/b",\n\t"qos":\t1,\n\t"retain":\t1,\n\t"payloadlen":\t37,\n\t"mid":\t1,\n\t"payload":\t{\n' +
      '\t\t"a":\t{\n\t\t},\n\t\t"b":\t[],\n\t\t"c":\t[[1], 2, {\n\t\t\t\t"d":\t"e"\n\t\t\t}]\n\t}\n}',
  );
});

for (const payload of ["x", "[] x", "{", '{"a":1}x', "nul", Uint8Array.of(0x22, 0xff, 0x22)]) {
  Deno.test(`MessageFormat prints nothing for %J of ${payload}, and says that it is no JSON`, () => {
    const complaints: string[] = [];
    const bytes = new MessageFormat("a%Jb").format(messageOf(payload), (text) => void complaints.push(text));
    assertEquals(new TextDecoder().decode(bytes), "ab");
    assertEquals(complaints, ["Message payload is not valid JSON on topic a/b."]);
  });
}

/** Of what can be printed. */
function formatted(format: string, isPretty = false): (message: ReceivedMessage) => Uint8Array {
  return (message) =>
    new MessageFormat(format, isPretty).format(message, (text) => {
      throw new Error(text);
    });
}
