/** `@std/async/deadline`. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./async_deadline.d.ts"
export * from "deno-std/async/deadline";
