/** Variable Byte Integer: a number in one to four bytes, seven bits each, the lowest first. Spec §1.5.5.
 * In: a number or an offset. Out: bytes, or the offset behind them. Room: pure. @module */

/** The largest value that four bytes hold, and so the largest Remaining Length. */
export const VARIABLE_BYTE_INTEGER_MAX = 268_435_455;

/** How many bytes the shortest form of `value` takes [MQTT-1.5.5-1]. */
export function variableByteIntegerBytes(value: number): 1 | 2 | 3 | 4 {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** Writes the shortest form of `value` at `at` [MQTT-1.5.5-1]. `target` must have the room.
 * @returns the offset behind it. */
export function writeVariableByteInteger(target: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}
