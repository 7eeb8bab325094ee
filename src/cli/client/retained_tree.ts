/** `--retained-tree`: retained messages as a tree of their topics. In: topics and payloads. Out: lines. Room: pure. @module */

import { escapeControls } from "../../base/log.ts";
import { briefPayload } from "./payload_view.ts";

/** More of them are no tree that a person reads. */
export const TREE_TOPICS_MAX = 100_000;

interface Branch {
  readonly branches: Map<string, Branch>;
  payload?: Uint8Array;
}

export class RetainedTree {
  readonly #root: Branch = { branches: new Map() };
  #topics = 0;

  get topics(): number {
    return this.#topics;
  }

  /** @returns false when it is full. */
  add(topicName: string, payload: Uint8Array): boolean {
    if (this.#topics >= TREE_TOPICS_MAX) return false;
    let branch = this.#root;
    for (const level of topicName.split("/")) {
      let next = branch.branches.get(level);
      if (next === undefined) branch.branches.set(level, next = { branches: new Map() });
      branch = next;
    }
    if (branch.payload === undefined) this.#topics++;
    branch.payload = payload;
    return true;
  }

  /** In the order of names. @param columns that a line may fill. @param paint colours a topic's level. */
  *lines(columns: number, paint: (level: string) => string): Generator<string> {
    // A stack, since a topic may have tens of thousands of levels.
    const stack = [{ entries: sorted(this.#root), at: 0, indent: "" }];
    while (stack.length > 0) {
      const { entries, indent } = stack.at(-1)!;
      const at = stack.at(-1)!.at++;
      if (at === entries.length) {
        stack.pop();
        continue;
      }
      const [level, branch] = entries[at];
      const isTop = stack.length === 1;
      const isLast = at === entries.length - 1;
      const sign = isTop ? "" : isLast ? "└── " : "├── ";
      const name = level === "" ? "(empty level)" : escapeControls(level);
      const room = Math.max(20, columns - indent.length - sign.length - name.length - 2);
      const value = branch.payload === undefined ? "" : `  ${briefPayload(branch.payload, room)}`;
      yield `${indent}${sign}${paint(name)}${value}`;
      stack.push({ entries: sorted(branch), at: 0, indent: isTop ? "" : indent + (isLast ? "    " : "│   ") });
    }
  }
}

function sorted({ branches }: Branch): [string, Branch][] {
  return [...branches].sort(([a], [b]) => a < b ? -1 : 1);
}
