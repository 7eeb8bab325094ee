/** Lines that are typed in `watch`: a filter, and the form of a message to publish. Room: pure. @module */

import type { QoS } from "../../packet/control_packet.ts";
import { isValidTopicName } from "../../topic/topic_name.ts";
import type { Key } from "./terminal_keys.ts";

const LENGTH_MAX = 65_535;

/** One line of text with a cursor. */
export class LineEditor {
  /** Characters, not UTF-16 units: the cursor never stands inside of one. */
  #characters: string[];
  #cursor: number;

  constructor(text = "") {
    this.#characters = [...text];
    this.#cursor = this.#characters.length;
  }

  get text(): string {
    return this.#characters.join("");
  }

  get beforeCursor(): string {
    return this.#characters.slice(0, this.#cursor).join("");
  }

  get afterCursor(): string {
    return this.#characters.slice(this.#cursor).join("");
  }

  /** @returns whether it was a key of the editor. */
  key({ name, text }: Key): boolean {
    switch (name) {
      case "left":
        this.#cursor = Math.max(0, this.#cursor - 1);
        return true;
      case "right":
        this.#cursor = Math.min(this.#characters.length, this.#cursor + 1);
        return true;
      case "home":
      case "ctrl-a":
        this.#cursor = 0;
        return true;
      case "end":
      case "ctrl-e":
        this.#cursor = this.#characters.length;
        return true;
      case "backspace":
        if (this.#cursor > 0) this.#characters.splice(--this.#cursor, 1);
        return true;
      case "delete":
        this.#characters.splice(this.#cursor, 1);
        return true;
      case "ctrl-u":
        this.#characters.splice(0, this.#cursor);
        this.#cursor = 0;
        return true;
    }
    if (text === "") return false;
    const added = [...text].slice(0, LENGTH_MAX - this.#characters.length);
    this.#characters.splice(this.#cursor, 0, ...added);
    this.#cursor += added.length;
    return true;
  }
}

/** A message to publish. */
export interface TypedMessage {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

export const FORM_FIELDS = ["topic", "payload", "qos", "retain"] as const;
export type FormField = typeof FORM_FIELDS[number];

export class PublishForm {
  field: FormField;
  readonly topic: LineEditor;
  readonly payload = new LineEditor();
  qos: QoS = 0;
  retain = false;

  /** @param topicName what is selected: "" = it has to be typed. */
  constructor(topicName: string) {
    this.topic = new LineEditor(topicName);
    this.field = topicName === "" ? "topic" : "payload";
  }

  /** Tab goes on, Enter publishes. @returns the message, why there is none yet, or undefined: typing goes on. */
  key(key: Key): TypedMessage | string | undefined {
    switch (key.name) {
      case "enter":
        return this.#message();
      case "tab":
      case "down":
        this.#move(1);
        return undefined;
      case "shift-tab":
      case "up":
        this.#move(-1);
        return undefined;
    }
    if (this.field === "topic") this.topic.key(key);
    else if (this.field === "payload") this.payload.key(key);
    else if (this.field === "qos") this.#changeQoS(key.name);
    else if ([" ", "left", "right"].includes(key.name)) this.retain = !this.retain;
    else if (key.name === "y" || key.name === "n") this.retain = key.name === "y";
    return undefined;
  }

  #changeQoS(name: string): void {
    if (["0", "1", "2"].includes(name)) this.qos = Number(name) as QoS;
    else if (name === " " || name === "right") this.qos = (this.qos + 1) % 3 as QoS;
    else if (name === "left") this.qos = (this.qos + 2) % 3 as QoS;
  }

  #move(step: number): void {
    const { length } = FORM_FIELDS;
    this.field = FORM_FIELDS[(FORM_FIELDS.indexOf(this.field) + step + length) % length];
  }

  #message(): TypedMessage | string {
    const topicName = this.topic.text;
    if (!isValidTopicName(topicName)) return "a message is published on one topic, without + and #";
    return { topicName, payload: this.payload.text, qos: this.qos, retain: this.retain };
  }
}
