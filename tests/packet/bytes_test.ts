/** The data types: integers, text, Binary Data. Spec §1.5. @module */

import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MalformedPacketError } from "../../src/packet/mod.ts";
import { ByteReader } from "../../src/packet/byte_reader.ts";
import { ByteWriter } from "../../src/packet/byte_writer.ts";
import { copyBytes, copyWords, viewOf } from "../../src/packet/copy_bytes.ts";
import { decodeUtf8, utf8Bytes, Utf8Kind, utf8Kind, writeUtf8 } from "../../src/packet/utf8.ts";
import { variableByteIntegerBytes } from "../../src/packet/variable_byte_integer.ts";
import { wire } from "./support.ts";

const reader = (text: string) => {
  const bytes = wire(text);
  return new ByteReader().reset(bytes, 0, bytes.length);
};
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

Deno.test("[MQTT-1.5.4-1] utf8Kind() knows each kind of ill-formed sequence", () => {
  const cases: [wire: string, kind: Utf8Kind][] = [
    ["'abc'", Utf8Kind.Ascii],
    ["", Utf8Kind.Ascii],
    ["01 7f", Utf8Kind.Ascii],
    ["c2 80", Utf8Kind.Multibyte],
    ["df bf", Utf8Kind.Multibyte],
    ["e0 a0 80", Utf8Kind.Multibyte],
    ["ed 9f bf", Utf8Kind.Multibyte], // U+D7FF
    ["ee 80 80", Utf8Kind.Multibyte], // U+E000
    ["ef bf bf", Utf8Kind.Multibyte], // U+FFFF, a non-character, which a sender SHOULD not send
    ["f0 90 80 80", Utf8Kind.Multibyte],
    ["f4 8f bf bf", Utf8Kind.Multibyte], // U+10FFFF
    ["80", Utf8Kind.IllFormed], // continuation first
    ["bf", Utf8Kind.IllFormed],
    ["c0 80", Utf8Kind.IllFormed], // overlong U+0000
    ["c1 bf", Utf8Kind.IllFormed],
    ["e0 80 80", Utf8Kind.IllFormed],
    ["e0 9f bf", Utf8Kind.IllFormed],
    ["f0 80 80 80", Utf8Kind.IllFormed],
    ["f0 8f bf bf", Utf8Kind.IllFormed],
    ["ed a0 80", Utf8Kind.IllFormed], // U+D800
    ["ed bf bf", Utf8Kind.IllFormed], // U+DFFF
    ["ed a0 bd ed b8 80", Utf8Kind.IllFormed], // a pair of surrogates, each encoded (CESU-8)
    ["f4 90 80 80", Utf8Kind.IllFormed], // U+110000
    ["f5 80 80 80", Utf8Kind.IllFormed],
    ["f8 88 80 80 80", Utf8Kind.IllFormed],
    ["fe", Utf8Kind.IllFormed],
    ["ff", Utf8Kind.IllFormed],
    ["c2", Utf8Kind.IllFormed], // cut
    ["e2 82", Utf8Kind.IllFormed],
    ["f0 9f 98", Utf8Kind.IllFormed],
    ["c2 41", Utf8Kind.IllFormed],
    ["e2 82 41", Utf8Kind.IllFormed],
    ["f0 9f 98 c0", Utf8Kind.IllFormed],
    ["'a' 00 'b'", Utf8Kind.ContainsNul],
    ["00", Utf8Kind.ContainsNul],
    ["c3 bc 00", Utf8Kind.ContainsNul],
  ];
  for (const [text, kind] of cases) {
    const bytes = wire(text);
    assertEquals(utf8Kind(bytes, 0, bytes.length), kind, text);
    // What stands around the range does not count.
    const framed = Uint8Array.from([0xff, ...bytes, 0x80]);
    assertEquals(utf8Kind(framed, 1, framed.length - 1), kind, text);
  }
});

Deno.test("utf8Kind() and TextDecoder agree on all sequences of two bytes and on random longer ones", () => {
  const agree = (bytes: Uint8Array) => {
    let valid = true;
    try {
      strict.decode(bytes);
    } catch {
      valid = false;
    }
    const kind = utf8Kind(bytes, 0, bytes.length);
    assertEquals(kind === Utf8Kind.ContainsNul || kind >= 0 === valid, true, String(bytes));
  };
  for (let high = 1; high < 256; high++) for (let low = 0; low < 256; low++) agree(Uint8Array.of(high, low));
  const lead = fc.constantFrom(0x41, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5);
  const follow = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0);
  fc.assert(
    fc.property(fc.array(fc.oneof(lead, follow), { maxLength: 9 }), (bytes) => agree(Uint8Array.from(bytes))),
    { numRuns: 3000 },
  );
});

Deno.test("[MQTT-1.5.4-3] U+FEFF is kept at any position", () => {
  for (const text of ["\ufeff", "\ufeffabc", "a\ufeffb", "abc\ufeff", "\ufeff".repeat(100)]) {
    const writer = new ByteWriter();
    writer.string(text);
    assertEquals(new ByteReader().reset(writer.buffer, 0, writer.length).string(), text);
  }
});

Deno.test("[MQTT-1.5.4-2] ByteReader.string() refuses U+0000, and other ill-formed text, by name", () => {
  const nul = assertThrows(() => reader("00 03 'a' 00 'b'").string("MQTT-3.8.3-1"), MalformedPacketError);
  assertEquals(nul.statement, "MQTT-1.5.4-2");
  const illFormed = assertThrows(() => reader("00 01 ff").string("MQTT-3.8.3-1"), MalformedPacketError);
  assertEquals(illFormed.statement, "MQTT-3.8.3-1");
});

Deno.test("text goes through bytes and back", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const bytes = utf8Bytes(text);
    if (text.includes("\0")) return assertEquals(bytes, -1);
    const expected = new TextEncoder().encode(text);
    assertEquals(bytes, expected.length);
    const target = new Uint8Array(bytes + 2);
    assertEquals(writeUtf8(target, 1, text, bytes), 1 + bytes);
    assertEquals(target, Uint8Array.from([0, ...expected, 0]));
    const kind = utf8Kind(target, 1, 1 + bytes);
    assertEquals(kind, bytes === text.length ? Utf8Kind.Ascii : Utf8Kind.Multibyte);
    assertEquals(decodeUtf8(target, 1, 1 + bytes, kind), text);
  }));
});

Deno.test("utf8Bytes() is -1 for half a surrogate pair", () => {
  for (const text of ["\ud800", "\udfff", "a\ud83d", "\ude00\ud83d", "\ud83d\ud83d\ude00"]) {
    assertEquals(utf8Bytes(text), -1);
    assertThrows(() => new ByteWriter().string(text), RangeError);
  }
});

Deno.test("[MQTT-1.5.5-1] a Variable Byte Integer has its shortest form", () => {
  // The bounds of table 1-1.
  const cases: [number, string][] = [
    [0, "00"],
    [127, "7f"],
    [128, "80 01"],
    [16_383, "ff 7f"],
    [16_384, "80 80 01"],
    [2_097_151, "ff ff 7f"],
    [2_097_152, "80 80 80 01"],
    [268_435_455, "ff ff ff 7f"],
  ];
  for (const [value, text] of cases) {
    const writer = new ByteWriter();
    writer.variableByteInteger(value);
    assertEquals(writer.written, wire(text));
    assertEquals(variableByteIntegerBytes(value), writer.length as 1);
    assertEquals(reader(text).variableByteInteger(), value);
  }
  for (const wrong of [-1, 268_435_456, 1.5, NaN]) {
    assertThrows(() => new ByteWriter().variableByteInteger(wrong), RangeError);
  }
  for (const text of ["80 00", "ff 80 00", "ff ff ff 00", "80 80 80 80 01", "ff ff ff ff 7f", "80", "ff ff"]) {
    assertThrows(() => reader(text).variableByteInteger(), MalformedPacketError);
  }
});

Deno.test("integers are unsigned and most significant byte first", () => {
  const writer = new ByteWriter(1);
  writer.byte(255);
  writer.uint16(0xfffe);
  writer.uint32(0xffffffff);
  writer.uint32(0x80000001);
  assertEquals(writer.written, wire("ff ff fe ff ff ff ff 80 00 00 01"));
  const from = new ByteReader().reset(writer.buffer, 0, writer.length);
  assertEquals([from.byte(), from.uint16(), from.uint32(), from.uint32()], [255, 65534, 4294967295, 2147483649]);
  from.finish();
  for (
    const write of [
      () => writer.byte(256),
      () => writer.byte(-1),
      () => writer.uint16(65536),
      () => writer.uint16(NaN),
      () => writer.uint32(0x1_0000_0000),
      () => writer.uint32(0.5),
      () => writer.packetIdentifier(0),
    ]
  ) assertThrows(write, RangeError);
});

Deno.test("[MQTT-4.7.3-3] text and Binary Data have 65,535 bytes at most", () => {
  const writer = new ByteWriter();
  writer.string("ü".repeat(32767) + "a");
  writer.binary(new Uint8Array(65535));
  const from = new ByteReader().reset(writer.buffer, 0, writer.length);
  assertEquals(from.string().length, 32768);
  assertEquals(from.binary().length, 65535);
  assertThrows(() => writer.string("ü".repeat(32768)), RangeError);
  assertThrows(() => writer.binary(new Uint8Array(65536)), RangeError);
});

Deno.test("ByteReader throws MalformedPacketError for whatever reaches beyond its range", () => {
  const bytes = wire("00 05 'abc' 00 00 00 00 00 00");
  const fields: ((from: ByteReader) => unknown)[] = [
    (from) => from.string(),
    (from) => from.binary(),
    (from) => from.enter(6),
    (from) => [from.uint32(), from.uint16()],
    (from) => [from.uint32(), from.uint32()],
    (from) => [from.uint32(), from.byte(), from.byte()],
  ];
  for (const field of fields) {
    const error = assertThrows(() => field(new ByteReader().reset(bytes, 0, 5)));
    assertInstanceOf(error, MalformedPacketError);
  }
});

Deno.test("ByteWriter.closeBlock() puts the length in front, of whatever size", () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_152]) {
    const writer = new ByteWriter(1);
    writer.byte(0xaa);
    const opened = writer.openBlock();
    for (let written = 0; written < size; written += 65_535 + 2) {
      const left = Math.min(size - written, 65_537);
      if (left >= 2) writer.binary(new Uint8Array(left - 2).fill(7));
      else writer.byte(0);
    }
    writer.closeBlock(opened);
    const from = new ByteReader().reset(writer.buffer, 0, writer.length);
    assertEquals([from.byte(), from.variableByteInteger(), from.remaining], [0xaa, size, size]);
  }
});

Deno.test("ByteWriter.closeBlock() throws RangeError for more than a Control Packet can have", () => {
  const writer = new ByteWriter();
  const opened = writer.openBlock();
  writer.length += 268_435_456;
  assertThrows(() => writer.closeBlock(opened), RangeError);
});

Deno.test("copyBytes() copies ranges of every length", () => {
  const source = Uint8Array.from({ length: 500 }, (_, i) => i % 251);
  for (let length = 0; length < 450; length++) {
    const target = new Uint8Array(460).fill(0xee);
    assertEquals(copyBytes(target, 5, source, 7, 7 + length), 5 + length);
    assertEquals(target.subarray(5, 5 + length), source.subarray(7, 7 + length));
    assertEquals([target[4], target[5 + length]], [0xee, 0xee]);
  }
});

Deno.test("copyWords() copies ranges of every length, and nothing beside them", () => {
  const source = Uint8Array.from({ length: 500 }, (_, i) => i % 251).subarray(3);
  for (let length = 0; length < 450; length++) {
    const target = new Uint8Array(460).fill(0xee).subarray(1);
    assertEquals(copyWords(target, viewOf(target), 5, source, viewOf(source), 7, 7 + length), 5 + length);
    assertEquals(target.subarray(5, 5 + length), source.subarray(7, 7 + length));
    assertEquals([target[4], target[5 + length]], [0xee, 0xee]);
  }
});

Deno.test("viewOf() is a view of just that array, whichever were asked for before", () => {
  const arrays = [1, 2, 3].map((start) => Uint8Array.from({ length: 8 }, (_, i) => 10 * start + i).subarray(start));
  for (const index of [0, 1, 0, 1, 2, 1, 0, 2, 2, 0]) {
    const view = viewOf(arrays[index]);
    assertEquals([view.getUint8(0), view.byteLength], [arrays[index][0], arrays[index].length]);
  }
});
