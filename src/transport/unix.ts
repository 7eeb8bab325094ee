/** Network Connections over a Unix domain socket: programs of this machine, let in by the permissions of a file.
 * In: a path. Out: a `Listener`, and a `ByteStream` for each arrival. Room: the sockets of Deno; carries bytes only. @module */

import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";
import { SocketListener, SocketStream } from "./socket.ts";

export interface UnixOptions {
  readonly path: string;
  /** The file's permissions; who may write to it may connect. Default 0o660: its owner and its group. */
  readonly mode?: number;
}

const MODE = 0o660;
/** What has room in `sun_path`, with the NUL behind it, on Linux and on the others. */
const PATH_BYTES_MAX = Deno.build.os === "linux" ? 107 : 103;
/** While the file is made nobody but its owner may connect. */
const CLOSED_UMASK = 0o077;
let arrivals = 0;

/** Makes the socket's file, which is removed when the listener is closed. One that a dead process left is replaced.
 * @throws Deno.errors.AddrInUse when another process listens there, AlreadyExists when the file is no socket,
 * NotSupported on Windows, TypeError for a path that is too long, PermissionDenied, NotFound without the folder. */
export async function listenUnix(options: UnixOptions): Promise<Listener> {
  const { path, mode = MODE } = options;
  requireUnixSockets(path, Deno.build.os);
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > PATH_BYTES_MAX) {
    throw new TypeError(`${path}: a socket's path has at most ${PATH_BYTES_MAX} bytes, and this one has ${bytes}`);
  }
  await removeStale(path);
  return new UnixListener(path, listenPrivately(path), mode);
}

/** @throws NotSupported on Windows */
export function requireUnixSockets(path: string, system: typeof Deno.build.os): void {
  if (system !== "windows") return;
  throw new Deno.errors.NotSupported(`${path}: Windows has no Unix sockets here; listen on 127.0.0.1 instead`);
}

/** For clients and tests. */
export async function connectUnix(path: string): Promise<ByteStream> {
  return new SocketStream(await Deno.connect({ transport: "unix", path }), "unix", path);
}

class UnixListener extends SocketListener<Deno.UnixConn> {
  readonly #path: string;

  constructor(path: string, acceptor: Deno.UnixListener, mode: number) {
    super({
      url: `unix:${path}`,
      isLoopback: true,
      acceptor,
      streamOf: (conn, pace) => new SocketStream(conn, "unix", ++arrivals, pace),
    });
    this.#path = path;
    try {
      Deno.chmodSync(path, mode);
    } catch (error) {
      acceptor.close();
      throw error;
    }
  }

  override close(): void {
    super.close();
    try {
      // Deno does it, too, but only when the last accept has been given up.
      Deno.removeSync(this.#path);
    } catch {
      // Gone already.
    }
  }
}

function listenPrivately(path: string): Deno.UnixListener {
  const umask = Deno.umask(CLOSED_UMASK);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(umask);
  }
}

/** Removes the file of a process that is gone. */
async function removeStale(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!info.isSocket) {
    throw new Deno.errors.AlreadyExists(`${path} is there already, and is no socket: name another path, or remove it`);
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    // Nobody listens behind this file.
    if (error instanceof Deno.errors.ConnectionRefused) return Deno.removeSync(path);
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new Deno.errors.AddrInUse(`another process listens at ${path}`);
}
