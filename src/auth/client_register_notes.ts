/** What the register of clients has heard and not yet written: the latest of each Client, within a bound.
 * Room: pure; no clock, no store. @module */

import type { ClientRecord } from "./account_records.ts";
import type { ClientArrival, ClientDeparture } from "./client_journal.ts";

/** All that came of one Client since its record was written. */
export interface ClientNote {
  /** The last one; undefined = it was connected before. */
  readonly arrival: ClientArrival | undefined;
  readonly arrivals: number;
  readonly firstArrivalAtMs: number | undefined;
  readonly departure: ClientDeparture | undefined;
  /** Which of the two came last; undefined = neither came. */
  readonly isConnected: boolean | undefined;
  readonly lastAction: string;
  readonly lastActionAtMs: number;
}

/** A disk that takes nothing for a minute, and a thousand arrivals a second. */
const NOTES_BYTES_MAX = 32 * 1024 * 1024;
/** Of a note beside its texts, about. */
const NOTE_BYTES = 500;
/** What a peer can make long is cut: a user name may have 65,535 bytes. */
const TEXT_LENGTH_MAX = 512;

export class ClientNotes {
  /** Of arrivals and departures, oldest first. */
  readonly #moves = new Map<string, ClientNote>();
  /** Of those who only did something. */
  readonly #acts = new Map<string, ClientNote>();
  readonly #bytesMax: number;
  #bytes = 0;
  /** Notes that there was no room for. */
  dropped = 0;

  constructor(bytesMax: number = NOTES_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#moves.size + this.#acts.size;
  }

  connected(arrival: ClientArrival): void {
    this.#add(arrival.clientId, {
      arrival: { ...arrival, userName: arrival.userName === undefined ? undefined : cut(arrival.userName) },
      arrivals: 1,
      firstArrivalAtMs: arrival.atMs,
      departure: undefined,
      isConnected: true,
      lastAction: "CONNECT",
      lastActionAtMs: arrival.atMs,
    });
  }

  disconnected(departure: ClientDeparture): void {
    this.#add(departure.clientId, {
      arrival: undefined,
      arrivals: 0,
      firstArrivalAtMs: undefined,
      departure: { ...departure, reason: cut(departure.reason) },
      isConnected: false,
      lastAction: departure.lastAction,
      lastActionAtMs: departure.lastActionAtMs,
    });
  }

  acted(clientId: string, lastAction: string, lastActionAtMs: number): void {
    this.#add(clientId, {
      arrival: undefined,
      arrivals: 0,
      firstArrivalAtMs: undefined,
      departure: undefined,
      isConnected: undefined,
      lastAction,
      lastActionAtMs,
    });
  }

  /** Whose are the oldest ones, arrivals and departures first. */
  oldest(count: number): string[] {
    const clientIds: string[] = [];
    for (const notes of [this.#moves, this.#acts]) {
      for (const clientId of notes.keys()) {
        if (clientIds.length >= count) return clientIds;
        clientIds.push(clientId);
      }
    }
    return clientIds;
  }

  /** Takes those out that are still there. */
  take(clientIds: readonly string[]): Map<string, ClientNote> {
    const taken = new Map<string, ClientNote>();
    for (const clientId of clientIds) {
      const note = this.#get(clientId);
      if (note === undefined) continue;
      taken.set(clientId, note);
      this.#remove(clientId, note);
    }
    return taken;
  }

  /** What was taken and could not be written: as if what came since had come after it. */
  giveBack(clientId: string, earlier: ClientNote): void {
    const later = this.#get(clientId);
    if (later !== undefined) this.#remove(clientId, later);
    this.#set(clientId, later === undefined ? earlier : joined(earlier, later));
  }

  #add(clientId: string, later: ClientNote): void {
    const earlier = this.#get(clientId);
    if (earlier !== undefined) this.#remove(clientId, earlier);
    this.#set(clientId, earlier === undefined ? later : joined(earlier, later));
  }

  #get(clientId: string): ClientNote | undefined {
    return this.#moves.get(clientId) ?? this.#acts.get(clientId);
  }

  #set(clientId: string, note: ClientNote): void {
    this.#bytes += bytesOf(clientId, note);
    (note.isConnected === undefined ? this.#acts : this.#moves).set(clientId, note);
    for (const notes of [this.#acts, this.#moves]) {
      for (const [oldest, oldNote] of notes) {
        if (this.#bytes <= this.#bytesMax) return;
        this.#remove(oldest, oldNote);
        this.dropped++;
      }
    }
  }

  #remove(clientId: string, note: ClientNote): void {
    this.#bytes -= bytesOf(clientId, note);
    (note.isConnected === undefined ? this.#acts : this.#moves).delete(clientId);
  }
}

function bytesOf(clientId: string, { arrival, departure }: ClientNote): number {
  const length = clientId.length + (arrival?.userName?.length ?? 0) + (departure?.reason.length ?? 0);
  return NOTE_BYTES + 2 * length;
}

function joined(earlier: ClientNote, later: ClientNote): ClientNote {
  return {
    arrival: later.arrival ?? earlier.arrival,
    arrivals: earlier.arrivals + later.arrivals,
    firstArrivalAtMs: earlier.firstArrivalAtMs ?? later.firstArrivalAtMs,
    departure: later.departure ?? earlier.departure,
    isConnected: later.isConnected ?? earlier.isConnected,
    lastAction: later.lastAction,
    lastActionAtMs: later.lastActionAtMs,
  };
}

/** @param previous the record as it stands. @returns undefined: nobody knows when this Client came. */
export function updatedRecord(previous: ClientRecord | undefined, note: ClientNote): ClientRecord | undefined {
  const { arrival, departure } = note;
  const from = arrival ?? previous;
  if (from === undefined) return undefined;
  return {
    clientId: from.clientId,
    userName: from.userName,
    protocolVersion: from.protocolVersion,
    keepAlive: from.keepAlive,
    remoteAddress: from.remoteAddress,
    listenerUrl: from.listenerUrl,
    isConnected: note.isConnected ?? previous?.isConnected ?? false,
    firstConnectedAtMs: previous?.firstConnectedAtMs ?? note.firstArrivalAtMs ?? 0,
    connectedAtMs: arrival?.atMs ?? previous?.connectedAtMs ?? 0,
    connectCount: (previous?.connectCount ?? 0) + note.arrivals,
    disconnectedAtMs: departure?.atMs ?? previous?.disconnectedAtMs,
    disconnectReasonCode: departure === undefined ? previous?.disconnectReasonCode : departure.reasonCode,
    disconnectReason: departure?.reason ?? previous?.disconnectReason ?? "",
    lastAction: note.lastAction,
    lastActionAtMs: note.lastActionAtMs,
  };
}

function cut(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : text.slice(0, TEXT_LENGTH_MAX - 1).toWellFormed() + "…";
}
