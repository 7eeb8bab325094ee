/** `@std/cli/parse-args`. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./cli_parse_args.d.ts"
export * from "deno-std/cli/parse-args";
