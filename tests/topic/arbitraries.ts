/** Topic Names and Topic Filters for the property tests: few different levels, so that they meet often. @module */

import fc from "fast-check";

/** "c!" sorts before "c/", "c0" after it; "" is an empty level; the long ones are kept otherwise than short ones; of two, three and four bytes
 * a character. */
const level = fc.constantFrom(
  "a",
  "b",
  "c",
  "c!",
  "c0",
  "",
  "ä",
  "温度",
  "🌡c",
  "a long level of its own",
  "a long level of another",
);
const levels = fc.array(level, { minLength: 1, maxLength: 5 });

/** Valid Topic Names, some of which begin with $. */
export const topicName: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: levels.map((levels) => levels.join("/")) },
  { weight: 1, arbitrary: levels.map((levels) => ["$SYS", ...levels].join("/")) },
).filter((name) => name !== "");

/** Valid Topic Filters, with and without wildcards. */
export const topicFilter: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom([], [], [], [], ["$SYS"]),
  fc.array(fc.oneof({ weight: 2, arbitrary: level }, { weight: 1, arbitrary: fc.constant("+") }), { maxLength: 5 }),
  fc.constantFrom([], ["#"]),
).map(([first, levels, last]) => [...first, ...levels, ...last].join("/")).filter((filter) => filter !== "");
