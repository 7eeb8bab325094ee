/** All Topic Names of few texts, for tests that try them all. @module */

/** One to five levels; "z" stands for whatever no filter of the test names. */
export const ALL_NAMES: readonly string[] = namesOf(["a", "b", "", "$", "z"], 5);

function namesOf(texts: readonly string[], levelsMax: number): string[] {
  const all: string[] = [];
  let longest = [...texts];
  for (let levels = 1; levels <= levelsMax; levels++) {
    all.push(...longest);
    longest = longest.flatMap((name) => texts.map((level) => `${name}/${level}`));
  }
  return all.filter((name) => name !== "");
}
