/** `@std/jsonc/parse`. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./jsonc_parse.d.ts"
export * from "deno-std/jsonc/parse";
