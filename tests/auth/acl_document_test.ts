/** The example of docs/access.md, as it stands there. @module */

import { assert, assertEquals } from "@std/assert";
import { type AclRequest, decide } from "../../src/auth/acl_decision.ts";
import { accountsOf, identityOf, rolesOf, rulesOf, usersOf } from "./acl_support.ts";

const text = Deno.readTextFileSync(new URL("../../docs/access.md", import.meta.url)).replaceAll("\r\n", "\n");

const accounts = accountsOf({
  isClosed: true,
  users: usersOf({ name: "greenhouse", roles: ["sensor"] }, { name: "office", roles: ["reader", "guest"] }),
  roles: rolesOf("sensor", "reader", "guest"),
  rules: rulesOf(.../```acl\n([^`]+)\n```/.exec(text)![1].split("\n").map((line) => line.replace(/^\d+ /, ""))),
});

Deno.test("the example in docs/access.md is true", () => {
  const rows = [
    ...text.matchAll(/^\| (\S+)(?: at (\S+) as (\S+))? +\| (\w+) (\S+) +\| (allowed|refused) \| (\w+) +\|$/gm),
  ];
  assert(rows.length >= 15, "the table is where this test looks for it");
  for (const [row, who, remoteHost = "192.0.2.1", clientId = "sensor-9", request, topic, answer, by] of rows) {
    const identity = identityOf({ userName: who === "nobody" ? undefined : who, remoteHost, clientId });
    const decision = decide(accounts, identity, request as AclRequest, topic);
    assertEquals(
      [decision.allowed ? "allowed" : "refused", String(decision.rule?.number ?? "none")],
      [answer, by],
      row,
    );
  }
});
