/** `client list`, `client show`, `client forget`: the register of clients. @module */

import type { ClientRecord } from "../auth/account_records.ts";
import { ReasonCode, reasonName } from "../packet/reason_code.ts";
import type { AccountAction, AccountTask } from "./account_task.ts";
import { type Answer, CommandError, table, timeText } from "./answer.ts";

export const CLIENT_ACTIONS = {
  "client list": listClients,
  "client show": showClient,
  "client forget": forgetClient,
} satisfies Record<string, AccountAction>;

const COLUMN = 20;
const VERSION_NAMES: Readonly<Record<ClientRecord["protocolVersion"], string>> = { 3: "3.1", 4: "3.1.1", 5: "5.0" };

async function listClients({ accounts }: AccountTask): Promise<Answer> {
  const clients = await Array.fromAsync(accounts.clients());
  const rows = clients.map((client) => [
    client.clientId,
    client.userName ?? "",
    client.isConnected ? "connected" : "away",
    client.remoteAddress,
    VERSION_NAMES[client.protocolVersion],
    timeText(client.connectedAtMs),
    `${client.lastAction} ${timeText(client.lastActionAtMs)}`,
  ]);
  const heads = ["CLIENT", "USER", "STATE", "ADDRESS", "MQTT", "CAME", "LAST ACTION"];
  return { lines: table(heads, rows, "no client was here yet"), json: clients.map(plainClient) };
}

async function showClient({ accounts, operand: clientId }: AccountTask): Promise<Answer> {
  const client = await accounts.client(clientId);
  if (client === undefined) throw notThere(clientId);
  return { lines: describeClient(client), json: plainClient(client) };
}

async function forgetClient({ accounts, operand: clientId }: AccountTask): Promise<Answer> {
  if (!await accounts.forgetClient(clientId)) throw notThere(clientId);
  return { lines: [`forgot the client "${clientId}"`], json: { clientId } };
}

function notThere(clientId: string): CommandError {
  return new CommandError(`the register has no client "${clientId}"; client list shows those that it has`);
}

function describeClient(client: ClientRecord): string[] {
  const { disconnectedAtMs, keepAlive } = client;
  const rows = [
    ["client", client.clientId],
    ["user", client.userName ?? "none (anonymous)"],
    ["state", client.isConnected ? "connected" : "away"],
    ["address", client.remoteAddress],
    ["listener", client.listenerUrl],
    ["MQTT", VERSION_NAMES[client.protocolVersion]],
    ["Keep Alive", keepAlive === 0 ? "off" : `${keepAlive} s`],
    ["came first", timeText(client.firstConnectedAtMs)],
    ["came last", timeText(client.connectedAtMs)],
    ["connections", String(client.connectCount)],
    ["left last", disconnectedAtMs === undefined ? "never" : timeText(disconnectedAtMs)],
    ...(disconnectedAtMs === undefined ? [] : [["why", whyText(client)]]),
    ["last action", `${client.lastAction}, ${timeText(client.lastActionAtMs)}`],
  ];
  return rows.map(([name, value]) => name.padEnd(COLUMN) + value);
}

/** "Session taken over (0x8E): another connection uses this Client Identifier" */
function whyText({ disconnectReasonCode: code, disconnectReason }: ClientRecord): string {
  // A connection that is lost has no Reason Code of its own.
  if (code === undefined || (code === ReasonCode.NormalDisconnection && disconnectReason !== "")) {
    return disconnectReason;
  }
  const name = code === ReasonCode.NormalDisconnection ? "Normal disconnection" : reasonName(code);
  const number = `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
  return `${name} (${number})${disconnectReason === "" ? "" : `: ${disconnectReason}`}`;
}

/** All keys are there, whatever is known. */
function plainClient(client: ClientRecord) {
  return {
    ...client,
    userName: client.userName ?? null,
    disconnectedAtMs: client.disconnectedAtMs ?? null,
    disconnectReasonCode: client.disconnectReasonCode ?? null,
  };
}
