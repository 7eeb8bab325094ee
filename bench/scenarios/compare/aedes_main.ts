/** Aedes as a process of its own, with its own persistence in memory: `deno run -A aedes_main.ts`. It says on which port it
 * listens. Ids and queues are as large as those of the others. @module */

import { Aedes } from "aedes";
import { createServer, type Socket } from "node:net";

const aedes = await Aedes.createBroker({ maxClientsIdLength: 100, queueLimit: 1_000_000 });
const server = createServer((socket: Socket) => {
  socket.setNoDelay(true);
  aedes.handle(socket);
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(`listening on ${(server.address() as { port: number }).port}`);
});
