/** `watch` as a state machine: messages, keys and time go in, wishes come out; `watch_view.ts` draws it. Room: pure.
 * @module */

import { isValidTopicFilter, topicMatchesFilter } from "../../topic/topic_filter.ts";
import type { Key } from "./terminal_keys.ts";
import { type SeenMessage, TopicNode, TopicTreeView, TREE_LIMITS, type TreeLimits } from "./topic_tree_view.ts";
import { LineEditor, PublishForm, type TypedMessage } from "./watch_form.ts";

export type PayloadView = "auto" | "text" | "json" | "hex";

/** What is shown, and who gets the keys. */
export type WatchMode =
  | { readonly name: "tree" }
  | { readonly name: "filter"; readonly line: LineEditor; readonly before: string }
  | { readonly name: "inspect"; readonly node: TopicNode; view: PayloadView; scroll: number }
  | { readonly name: "publish"; readonly form: PublishForm }
  | { readonly name: "clear"; readonly topicName: string }
  | { readonly name: "help" };

/** What the model cannot do by itself. */
export type WatchWish =
  | { readonly name: "quit" }
  | { readonly name: "publish"; readonly message: TypedMessage };

const VIEW_KEYS: Readonly<Record<string, PayloadView>> = { a: "auto", t: "text", j: "json", h: "hex" };

export class WatchModel {
  readonly tree: TopicTreeView;
  mode: WatchMode = { name: "tree" };
  /** "" = all; with + or # a Topic Filter, otherwise a part of the topic. */
  filter = "";
  /** Something to say, until the next key. */
  notice = "";
  connection = "";
  isPaused = false;
  /** Messages that came meanwhile. */
  held = 0;
  /** Rows of the tree that are on the screen, and the first of them. */
  page = 20;
  scroll = 0;
  #rows: TopicNode[] | undefined;
  #selected: TopicNode | undefined;
  /** Last messages of the pause, each standing for so many. */
  readonly #waiting = new Map<string, { message: SeenMessage; times: number }>();

  constructor(limits: TreeLimits = TREE_LIMITS) {
    this.tree = new TopicTreeView(limits);
  }

  take(topicName: string, message: SeenMessage): void {
    if (!this.isPaused) {
      const { topics } = this.tree;
      this.tree.take(topicName, message);
      if (this.tree.topics !== topics) this.#rows = undefined;
      return;
    }
    this.held++;
    const times = this.#waiting.get(topicName)?.times ?? 0;
    if (times > 0 || this.#waiting.size < this.tree.limits.nodesMax) {
      this.#waiting.set(topicName, { message, times: times + 1 });
    } else this.tree.leftOut++;
  }

  /** Rows that can be gone through. */
  get rows(): readonly TopicNode[] {
    return this.#rows ??= this.tree.rows(this.#matcher());
  }

  /** The row of the cursor; undefined = there are none. */
  get selected(): TopicNode | undefined {
    return this.rows[this.cursor];
  }

  /** By what is selected, not by its number: rows come in between. */
  get cursor(): number {
    for (let node = this.#selected; node !== undefined; node = node.parent) {
      const at = this.rows.indexOf(node);
      if (at >= 0) return at;
    }
    return this.rows.length === 0 ? -1 : 0;
  }

  /** The screen has room for so many rows of the tree: brings the cursor onto it. */
  fit(page: number): void {
    this.page = Math.max(1, page);
    const { cursor } = this;
    if (cursor < this.scroll) this.scroll = Math.max(0, cursor);
    else if (cursor >= this.scroll + this.page) this.scroll = cursor - this.page + 1;
    this.scroll = Math.max(0, Math.min(this.scroll, this.rows.length - this.page));
  }

  /** A message that is shown has so many lines more than the screen. */
  limitScroll(max: number): void {
    if (this.mode.name === "inspect") this.mode.scroll = Math.max(0, Math.min(this.mode.scroll, max));
  }

  /** @returns what is wished; undefined = nothing. */
  key(key: Key): WatchWish | undefined {
    this.notice = "";
    if (key.name === "ctrl-c") return { name: "quit" };
    const { mode } = this;
    switch (mode.name) {
      case "tree":
        return this.#treeKey(key.name);
      case "filter":
        return this.#filterKey(mode, key);
      case "inspect":
        return this.#inspectKey(mode, key.name);
      case "publish":
        return this.#publishKey(mode.form, key);
      case "clear":
        return this.#clearKey(mode.topicName, key.name);
      case "help":
        this.mode = { name: "tree" };
        return undefined;
    }
  }

  #treeKey(name: string): WatchWish | undefined {
    const { selected, cursor, rows, page } = this;
    switch (name) {
      case "q":
        return { name: "quit" };
      case "up":
      case "k":
        return this.#select(cursor - 1);
      case "down":
      case "j":
        return this.#select(cursor + 1);
      case "page-up":
        return this.#select(cursor - page);
      case "page-down":
        return this.#select(cursor + page);
      case "home":
        return this.#select(0);
      case "end":
        return this.#select(rows.length - 1);
      case "left":
        return this.#foldOrLeave(selected);
      case "right":
        return this.#unfoldOrEnter(selected, cursor);
      case "+":
      case "-":
        this.tree.foldAll(name === "-");
        this.#rows = undefined;
        return undefined;
      case "enter":
        if (selected?.last !== undefined) this.mode = { name: "inspect", node: selected, view: "auto", scroll: 0 };
        else if (selected !== undefined) this.#fold(selected, !selected.isFolded);
        return undefined;
      case "/":
        this.mode = { name: "filter", line: new LineEditor(this.filter), before: this.filter };
        return undefined;
      case "escape":
        this.#setFilter("");
        return undefined;
      case " ":
        this.#pause(!this.isPaused);
        return undefined;
      case "?":
        this.mode = { name: "help" };
        return undefined;
    }
    return this.#messageKey(name, selected);
  }

  /** Keys that do something about a topic: in the tree, and when its message is shown. */
  #messageKey(name: string, node: TopicNode | undefined): undefined {
    if (name === "p") this.mode = { name: "publish", form: new PublishForm(node?.topicName ?? "") };
    else if (name === "c" && node !== undefined) {
      if (node.last === undefined) this.notice = `nothing was published on ${node.topicName} itself`;
      else this.mode = { name: "clear", topicName: node.topicName };
    }
  }

  #filterKey(mode: WatchMode & { name: "filter" }, key: Key): undefined {
    if (key.name === "enter") this.mode = { name: "tree" };
    else if (key.name === "escape") {
      this.mode = { name: "tree" };
      this.#setFilter(mode.before);
    } else if (mode.line.key(key)) this.#setFilter(mode.line.text);
  }

  #inspectKey(mode: WatchMode & { name: "inspect" }, name: string): WatchWish | undefined {
    const view = VIEW_KEYS[name];
    if (view !== undefined) {
      mode.view = view;
      mode.scroll = 0;
    } else if (name === "up" || name === "k") mode.scroll = Math.max(0, mode.scroll - 1);
    else if (name === "down") mode.scroll++;
    else if (name === "page-up") mode.scroll = Math.max(0, mode.scroll - this.page);
    else if (name === "page-down") mode.scroll += this.page;
    else if (name === "home") mode.scroll = 0;
    else if (name === " ") this.#pause(!this.isPaused);
    else if (["q", "escape", "enter", "left", "backspace"].includes(name)) this.mode = { name: "tree" };
    else this.#messageKey(name, mode.node);
    return undefined;
  }

  #publishKey(form: PublishForm, key: Key): WatchWish | undefined {
    if (key.name === "escape") {
      this.mode = { name: "tree" };
      return undefined;
    }
    const message = form.key(key);
    if (typeof message === "string") this.notice = message;
    if (typeof message !== "object") return undefined;
    this.mode = { name: "tree" };
    return { name: "publish", message };
  }

  /** An empty retained message takes the retained one away [MQTT-3.3.1-6]. */
  #clearKey(topicName: string, name: string): WatchWish | undefined {
    this.mode = { name: "tree" };
    if (name !== "y") {
      this.notice = "nothing was cleared";
      return undefined;
    }
    return { name: "publish", message: { topicName, payload: "", qos: 1, retain: true } };
  }

  #select(at: number): undefined {
    this.#selected = this.rows[Math.max(0, Math.min(at, this.rows.length - 1))];
  }

  #fold(node: TopicNode, isFolded: boolean): void {
    if (node.children.size === 0) return;
    node.isFolded = isFolded;
    this.#rows = undefined;
  }

  /** With a filter everything that matches is unfolded: there the keys only move. */
  #foldOrLeave(node: TopicNode | undefined): undefined {
    if (node === undefined) return;
    if (this.filter === "" && node.children.size > 0 && !node.isFolded) this.#fold(node, true);
    else if (node.parent !== undefined && node.parent !== this.tree.root) this.#selected = node.parent;
  }

  #unfoldOrEnter(node: TopicNode | undefined, cursor: number): undefined {
    if (node === undefined || node.children.size === 0) return;
    if (this.filter === "" && node.isFolded) this.#fold(node, false);
    else if (this.rows[cursor + 1]?.parent === node) this.#select(cursor + 1);
  }

  #pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) return;
    for (const [topicName, { message, times }] of this.#waiting) this.tree.take(topicName, message, times);
    this.#waiting.clear();
    this.held = 0;
    this.#rows = undefined;
  }

  #setFilter(text: string): void {
    if (text === this.filter) return;
    this.#selected = this.selected;
    this.filter = text;
    this.#rows = undefined;
    const matches = this.#matcher();
    // What was looked for, and not the levels above it.
    if (matches === undefined || this.#isMatch(this.selected, matches)) return;
    this.#selected = this.rows.find((node) => this.#isMatch(node, matches));
  }

  #isMatch(node: TopicNode | undefined, matches: (topicName: string) => boolean): boolean {
    return node?.last !== undefined && matches(node.topicName);
  }

  #matcher(): ((topicName: string) => boolean) | undefined {
    const { filter } = this;
    if (filter === "") return undefined;
    if (/[+#]/.test(filter) && isValidTopicFilter(filter)) return (topicName) => topicMatchesFilter(topicName, filter);
    const part = filter.toLowerCase();
    return (topicName) => topicName.toLowerCase().includes(part);
  }
}
