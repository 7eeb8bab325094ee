/** Whether the engine of TLS takes certificates and keys: it says so only when somebody connects, so somebody does, in
 * memory, before they are put in force. @module */

import { connect, Server } from "node:tls";
import type { Credentials } from "./certificate_files.ts";
import { memoryPair } from "./memory.ts";
import { Cable, NO_HANDSHAKE_TIMER } from "./tls_stream.ts";

/** @returns what it was given. @throws Error when no handshake comes about with it. */
export async function checkedByHandshake(
  credentials: Credentials,
  files: { readonly certFile: string },
): Promise<Credentials> {
  const { cert, key, ca } = credentials;
  const ends = memoryPair();
  const cables = [new Cable(ends.client), new Cable(ends.server)];
  try {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const server = new Server({
      cert,
      key,
      ca,
      requestCert: ca !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: NO_HANDSHAKE_TIMER,
    });
    server.once("secureConnection", () => resolve());
    server.once("tlsClientError", reject);
    server.emit("connection", cables[1]);
    // Not to know who answers, only that somebody can.
    const socket = connect({ socket: cables[0], rejectUnauthorized: false });
    socket.once("error", reject);
    let isDone = false;
    promise.then(() => isDone = true, () => isDone = true);
    const pullAll = async (cable: Cable) => {
      while (!isDone && !cable.isDone) await cable.pull();
      reject(new Error("the connection was closed"));
    };
    await Promise.all([promise, ...cables.map(pullAll)]);
    return credentials;
  } catch (error) {
    throw new Error(`${files.certFile}: no TLS handshake comes about with these files: ${(error as Error).message}`);
  } finally {
    for (const cable of cables) cable.destroy();
  }
}
