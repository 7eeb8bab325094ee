/** `@std/async/delay`. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./async_delay.d.ts"
export * from "deno-std/async/delay";
