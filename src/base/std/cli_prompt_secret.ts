/** `@std/cli/prompt-secret`. To take it from JSR instead, see docs/jsr.md. @module */

// @ts-types="./cli_prompt_secret.d.ts"
export * from "deno-std/cli/prompt-secret";
