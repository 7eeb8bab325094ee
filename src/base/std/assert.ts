/** `@std/assert`, from the npm copy of the Deno standard library. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./assert.d.ts"
export * from "deno-std/assert";
