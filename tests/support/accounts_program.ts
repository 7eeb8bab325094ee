/** A program that changes accounts: `PLACE NAME COUNT [--create]`. Says "ready", waits for its standard input, and then
 * adds COUNT rules and COUNT Client Identifiers of the user "shared". With --create it makes file and user, unless others
 * were faster, and begins with that after its standard input. @module */

import { AccountsError, AccountsStore } from "../../src/auth/accounts_store.ts";

const [place, name, count, option] = Deno.args;
const create = option === "--create";

async function wait(): Promise<void> {
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(16));
}

if (create) await wait();
using store = await AccountsStore.open(place, { create });
if (create) await addShared();
else await wait();
for (let number = 0; number < Number(count); number++) {
  const subject = { effect: "allow", subjectKind: "client-id", subjectName: name } as const;
  await store.addRule({ ...subject, action: "all", topicFilter: `t/${number}` });
  await store.updateUser("shared", (user) => ({ ...user, clientIds: [...user.clientIds, `${name}-${number}`] }));
}

async function addShared(): Promise<void> {
  try {
    await store.addUser({ name: "shared" });
  } catch (error) {
    if (!(error instanceof AccountsError) || error.kind !== "refused") throw error;
  }
}
