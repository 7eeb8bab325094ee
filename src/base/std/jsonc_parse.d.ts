/** Parses JSON with comments and trailing commas. @throws SyntaxError with the position of the offending text. */
export function parse(text: string): unknown;
