/** A program that changes accounts: `PLACE NAME COUNT`. Says "ready", waits for its standard input, and then adds COUNT
 * rules and COUNT Client Identifiers of the user "shared". @module */

import { AccountsStore } from "../../src/auth/accounts_store.ts";

const [place, name, count] = Deno.args;
using store = await AccountsStore.open(place, { create: false });
console.log("ready");
await Deno.stdin.read(new Uint8Array(16));
for (let number = 0; number < Number(count); number++) {
  const subject = { effect: "allow", subjectKind: "client-id", subjectName: name } as const;
  await store.addRule({ ...subject, action: "all", topicFilter: `t/${number}` });
  await store.updateUser("shared", (user) => ({ ...user, clientIds: [...user.clientIds, `${name}-${number}`] }));
}
