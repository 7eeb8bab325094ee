/** src/cli/client/packet_description.ts, sequence_chart.ts and debug_lines.ts: packets as people read them. @module */

import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { DebugLines } from "../../../src/cli/client/debug_lines.ts";
import { describePacket, PacketDescriber, packetName } from "../../../src/cli/client/packet_description.ts";
import { MermaidChart, TerminalChart } from "../../../src/cli/client/sequence_chart.ts";
import { ApplicationMessage } from "../../../src/packet/application_message.ts";
import { type ConnectPacket, type ControlPacket, PacketType } from "../../../src/packet/control_packet.ts";
import type { Properties } from "../../../src/packet/property.ts";
import type { PublishPacket } from "../../../src/packet/publish.ts";

const CONNECT: ConnectPacket = {
  type: PacketType.Connect,
  protocolVersion: 5,
  cleanStart: true,
  keepAlive: 60,
  clientId: "sensor-1",
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: {},
};

function publish(payload: string, rest: Partial<PublishPacket> = {}, properties: Properties = {}): PublishPacket {
  return {
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: 7,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message: ApplicationMessage.create({
      topicName: "a/b",
      payload: new TextEncoder().encode(payload),
      qos: 1,
      retain: true,
      properties,
    }),
    ...rest,
  };
}

const DESCRIPTIONS: [packet: ControlPacket, name: string, fields: string[]][] = [
  [CONNECT, "CONNECT", [
    "Protocol Version 5 (MQTT 5.0)",
    "Clean Start 1",
    "Will Flag 0",
    "User Name Flag 0",
    "Password Flag 0",
    "Keep Alive 60 s",
    'Client Identifier "sensor-1"',
  ]],
  [
    {
      ...CONNECT,
      protocolVersion: 4,
      cleanStart: false,
      will: {
        topicName: "w",
        payload: new TextEncoder().encode("gone"),
        qos: 2,
        retain: true,
        properties: { willDelayInterval: 5 },
      },
      userName: "reader",
      password: new TextEncoder().encode("hush"),
      properties: {
        sessionExpiryInterval: 0xffffffff,
        receiveMaximum: 10,
        requestProblemInformation: false,
        authenticationData: new TextEncoder().encode("hush"),
        userProperties: [["k", "v"], ["k", "w"]],
      },
    },
    "CONNECT",
    [
      "Protocol Version 4 (MQTT 3.1.1)",
      "Clean Session 0",
      "Will Flag 1",
      "Will QoS 2",
      "Will Retain 1",
      "User Name Flag 1",
      "Password Flag 1",
      "Keep Alive 60 s",
      "Session Expiry Interval never",
      "Receive Maximum 10",
      "Request Problem Information 0",
      "Authentication Data (4 bytes)",
      'User Property "k" = "v"',
      'User Property "k" = "w"',
      'Client Identifier "sensor-1"',
      "Will: Will Delay Interval 5 s",
      'Will Topic "w"',
      "Will Payload gone (4 bytes)",
      'User Name "reader"',
      "Password (4 bytes)",
    ],
  ],
  [
    {
      type: PacketType.Connack,
      sessionPresent: true,
      reasonCode: 0x87,
      properties: { maximumQoS: 1, reasonString: "no\n", retainAvailable: false },
    },
    "CONNACK",
    [
      "Session Present 1",
      "Reason Code 0x87 Not authorized",
      "Maximum QoS 1",
      'Reason String "no\\n"',
      "Retain Available 0",
    ],
  ],
  [
    publish("hello", { dup: true, topicAlias: 3, subscriptionIdentifiers: [1, 2] }, {
      messageExpiryInterval: 9,
      correlationData: Uint8Array.of(0xff),
    }),
    "PUBLISH",
    [
      "DUP 1",
      "QoS 1",
      "RETAIN 1",
      'Topic Name "a/b"',
      "Packet Identifier 7",
      "Correlation Data 0xff (1 byte)",
      "Message Expiry Interval 9 s",
      "Topic Alias 3",
      "Subscription Identifier 1",
      "Subscription Identifier 2",
      "Payload hello (5 bytes)",
    ],
  ],
  [
    { type: PacketType.Puback, packetIdentifier: 7, reasonCode: 0x10, properties: {} },
    "PUBACK",
    ["Packet Identifier 7", "Reason Code 0x10 No matching subscribers"],
  ],
  [
    {
      type: PacketType.Subscribe,
      packetIdentifier: 8,
      subscriptions: [{ topicFilter: "a/#", qos: 2, noLocal: true, retainAsPublished: false, retainHandling: 1 }],
      properties: { subscriptionIdentifiers: [5] },
    },
    "SUBSCRIBE",
    [
      "Packet Identifier 8",
      "Subscription Identifier 5",
      'Topic Filter "a/#": QoS 2, No Local 1, Retain As Published 0, Retain Handling 1',
    ],
  ],
  [
    { type: PacketType.Suback, packetIdentifier: 8, reasonCodes: [0, 2, 0x8f], properties: {} },
    "SUBACK",
    [
      "Packet Identifier 8",
      "Reason Code 0x00 Granted QoS 0",
      "Reason Code 0x02 Granted QoS 2",
      "Reason Code 0x8f Topic Filter invalid",
    ],
  ],
  [
    { type: PacketType.Unsubscribe, packetIdentifier: 9, topicFilters: ["a", "b"], properties: {} },
    "UNSUBSCRIBE",
    ["Packet Identifier 9", 'Topic Filter "a"', 'Topic Filter "b"'],
  ],
  [
    { type: PacketType.Unsuback, packetIdentifier: 9, reasonCodes: [0x11], properties: {} },
    "UNSUBACK",
    ["Packet Identifier 9", "Reason Code 0x11 No subscription existed"],
  ],
  [{ type: PacketType.Pingreq }, "PINGREQ", []],
  [
    { type: PacketType.Disconnect, reasonCode: 0, properties: {} },
    "DISCONNECT",
    ["Reason Code 0x00 Normal disconnection"],
  ],
  [
    { type: PacketType.Auth, reasonCode: 0x18, properties: { authenticationMethod: "SCRAM-SHA-256" } },
    "AUTH",
    ["Reason Code 0x18 Continue authentication", 'Authentication Method "SCRAM-SHA-256"'],
  ],
];
for (const [packet, name, fields] of DESCRIPTIONS) {
  Deno.test(`describePacket() names all of ${name} with ${fields.length} fields`, () => {
    assertEquals(describePacket(packet), { name, fields });
    assertFalse(JSON.stringify(describePacket(packet)).includes("hush"));
  });
}

/** What 3.1.1 has instead. */
const OLDER: [packet: ControlPacket, fields: string[]][] = [
  [
    { type: PacketType.Connack, sessionPresent: false, reasonCode: 0x86, properties: {} },
    ["Session Present 0", "Return Code 0x04 Connection Refused, bad user name or password"],
  ],
  [{ type: PacketType.Pubrec, packetIdentifier: 3, reasonCode: 0, properties: {} }, ["Packet Identifier 3"]],
  [
    {
      type: PacketType.Subscribe,
      packetIdentifier: 8,
      properties: {},
      subscriptions: [{ topicFilter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    },
    ["Packet Identifier 8", 'Topic Filter "a": Requested QoS 1'],
  ],
  [
    { type: PacketType.Suback, packetIdentifier: 8, reasonCodes: [0, 1, 0x80], properties: {} },
    [
      "Packet Identifier 8",
      "Return Code 0x00 Maximum QoS 0",
      "Return Code 0x01 Maximum QoS 1",
      "Return Code 0x80 Failure",
    ],
  ],
  [{ type: PacketType.Unsuback, packetIdentifier: 9, reasonCodes: [], properties: {} }, ["Packet Identifier 9"]],
  [{ type: PacketType.Disconnect, reasonCode: 0, properties: {} }, []],
];
for (const [packet, fields] of OLDER) {
  Deno.test(`PacketDescriber reads ${packetName(packet)} as 3.1.1 has it, behind a CONNECT of 3.1.1`, () => {
    const describer = new PacketDescriber();
    describer.describe({ ...CONNECT, protocolVersion: 4 });
    assertEquals(describer.describe(packet).fields, fields);
  });
}

Deno.test("TerminalChart draws packets between two lines, with the time since the first", () => {
  const chart = new TerminalChart(0, (_direction, text) => `*${text}*`);
  const lines = [
    ...chart.head("me", "broker"),
    ...chart.packet("sent", { type: PacketType.Pingreq }, 1000),
    ...chart.packet(
      "received",
      { type: PacketType.Puback, packetIdentifier: 7, reasonCode: 0, properties: {} },
      1012.4,
    ),
    ...chart.note("gone"),
  ];
  const blank = `           │${" ".repeat(30)}│`;
  assertEquals(lines, [
    `           me${" ".repeat(24)}broker`,
    blank,
    `  0.000 s  │*─ PINGREQ ${"─".repeat(19)}▶*│`,
    blank,
    `  0.012 s  │*◀${"─".repeat(20)} PUBACK ─*│`,
    `           │    Packet Identifier 7       │`,
    `           │    Reason Code 0x00 Success  │`,
    blank,
    `           │ gone                         │`,
    blank,
  ]);
});

Deno.test("TerminalChart breaks what is too long", () => {
  const chart = new TerminalChart(0, (_direction, text) => text);
  const packet: ControlPacket = { ...CONNECT, clientId: "x".repeat(60) };
  const lines = chart.packet("sent", packet, 0);
  for (const line of lines) assertEquals([...line].length, 43, line);
  assertEquals(lines.join("").replace(/[^x]/g, "").length, 60);
});

Deno.test("MermaidChart is a sequenceDiagram in which no text can be taken for a command", () => {
  const chart = new MermaidChart();
  chart.packet("sent", { ...CONNECT, clientId: 'a;b#"<c>%%{' });
  chart.packet("received", publish("x;\nend"));
  chart.note("cut; gone");
  const lines = chart.text("me#1", "mqtt://localhost").split("\n");
  assertEquals(lines.slice(0, 3), [
    "sequenceDiagram",
    "    participant C as me#35;1",
    "    participant S as mqtt://localhost",
  ]);
  assert(lines[3].startsWith("    C->>S: CONNECT<br/>Protocol Version 5 (MQTT 5.0)<br/>Clean Start 1<br/>"));
  assertStringIncludes(lines[3], "Client Identifier #34;a#59;b#35;#34;#60;c#62;#37;#37;#123;#34;");
  assertStringIncludes(lines[4], "    S->>C: PUBLISH<br/>DUP 0<br/>");
  assertStringIncludes(lines[4], "<br/>Payload x#59;#92;nend (6 bytes)");
  assertEquals(lines.slice(5), ["    Note over C,S: cut#59; gone", ""]);
});

Deno.test("DebugLines says what mosquitto_sub says", () => {
  const lines = new DebugLines(undefined);
  const said = [
    lines.packet("sent", CONNECT),
    lines.packet("received", {
      type: PacketType.Connack,
      sessionPresent: false,
      reasonCode: 0,
      properties: { assignedClientIdentifier: "given" },
    }),
    lines.packet("sent", {
      type: PacketType.Subscribe,
      packetIdentifier: 1,
      subscriptions: [
        { topicFilter: "a", qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0 },
        { topicFilter: "b", qos: 2, noLocal: true, retainAsPublished: false, retainHandling: 2 },
      ],
      properties: {},
    }),
    lines.packet("received", { type: PacketType.Suback, packetIdentifier: 1, reasonCodes: [2, 128], properties: {} }),
    lines.packet("received", publish("hello")),
    lines.packet("sent", { type: PacketType.Puback, packetIdentifier: 7, reasonCode: 0, properties: {} }),
    lines.packet("sent", { type: PacketType.Pubrel, packetIdentifier: 7, reasonCode: 0, properties: {} }),
    lines.packet("received", { type: PacketType.Puback, packetIdentifier: 7, reasonCode: 0x10, properties: {} }),
    lines.packet("received", { type: PacketType.Pubrec, packetIdentifier: 7, reasonCode: 0, properties: {} }),
    lines.packet("received", { type: PacketType.Pubcomp, packetIdentifier: 7, reasonCode: 0, properties: {} }),
    lines.packet("sent", { type: PacketType.Unsubscribe, packetIdentifier: 2, topicFilters: ["a"], properties: {} }),
    lines.packet("sent", { type: PacketType.Pingreq }),
    lines.packet("sent", { type: PacketType.Disconnect, reasonCode: 0, properties: {} }),
  ].flat();
  assertEquals(said, [
    "Client (null) sending CONNECT",
    "Client given received CONNACK (0)",
    "Client given sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 2, Options: 0x08)",
    "Client given sending SUBSCRIBE (Mid: 1, Topic: b, QoS: 2, Options: 0x24)",
    "Client given received SUBACK",
    "Subscribed (mid: 1): 2, 128",
    "Client given received PUBLISH (d0, q1, r1, m7, 'a/b', ... (5 bytes))",
    "Client given sending PUBACK (m7, rc0)",
    "Client given sending PUBREL (m7)",
    "Client given received PUBACK (Mid: 7, RC:16)",
    "Client given received PUBREC (Mid: 7)",
    "Client given received PUBCOMP (Mid: 7, RC:0)",
    "Client given sending UNSUBSCRIBE (Mid: 2, Topic: a)",
    "Client given sending PINGREQ",
    "Client given sending DISCONNECT",
  ]);
});
