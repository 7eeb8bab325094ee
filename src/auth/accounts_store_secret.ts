/** A secret that is kept with the accounts, for all brokers that share them and over restarts: what the salts of users are
 * made from that do not exist (`AccountsAuthenticatorParts.pretenceSecret`). It opens nothing. @module */

import { readHead } from "./accounts_store_change.ts";
import { FORMAT_KEY, SECRET_KEY } from "./accounts_store_keys.ts";
import type { AccountsKv } from "./accounts_store_place.ts";
import { SCHEMA } from "./accounts_store_records.ts";

const SECRET_BYTES = 32;

/** Made once, by whoever asks first. The version stays as it is: nobody's rights change. @throws AccountsError */
export async function keptSecret(kv: AccountsKv): Promise<Uint8Array> {
  for (;;) {
    const entry = await kv.get(SECRET_KEY);
    if (entry.value instanceof Uint8Array && entry.value.length === SECRET_BYTES) return entry.value;
    const { format } = await readHead(kv);
    const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    const operation = kv.atomic().check(format, entry).set(SECRET_KEY, secret);
    if (format.versionstamp === null) operation.set(FORMAT_KEY, { schema: SCHEMA });
    if (await kv.commit(operation)) return secret;
  }
}
