/** What `watch` shows: the model → so many lines of so many cells. Room: pure; the time is given to it. @module */

import { briefPayload } from "./payload_view.ts";
import { fit, fitRight, layLine, type Span, widthOf } from "./terminal_cells.ts";
import { beginningOf, type TopicNode } from "./topic_tree_view.ts";
import { FORM_FIELDS, type LineEditor, type PublishForm } from "./watch_form.ts";
import { messageLines } from "./watch_message.ts";
import type { WatchModel } from "./watch_model.ts";

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Smaller ones cannot show anything of use. */
const COLUMNS_MIN = 20;
const ROWS_MIN = 4;
const RATE_WIDTH = 9;
const AGE_WIDTH = 6;
const RIGHT_WIDTH = RATE_WIDTH + AGE_WIDTH + 2;
const RETAINED_WIDTH = 2;
const NAME_WIDTH_MIN = 16;
const NAME_PART = 0.45;
const TREE_KEYS = "↑↓ move  ←→ fold  ⏎ inspect  / filter  p publish  c clear  space pause  ? help  q quit";
const MESSAGE_KEYS = "a auto  t text  j json  h hex  ↑↓ scroll  p publish  c clear  esc back";

const HELP: readonly string[] = [
  "↑ ↓ k j, PgUp PgDn, Home End   move",
  "← →                            fold and unfold; up to the level above, down to the first below",
  "+  -                           unfold all, fold all",
  "Enter                          show the message: payload, properties, QoS",
  "   a t j h                     its payload as it seems best, as text, as JSON, as hexadecimal",
  "/                              filter: a part of the topic, or a Topic Filter with + and #",
  "Escape                         no filter; back",
  "p                              publish, on the selected topic or another one",
  "c                              clear the retained message of the selected topic",
  "Space                          pause: what comes is held back; again: go on",
  "q, Ctrl+C                      quit",
  "",
  "Columns: level (and topics below it), last value (R = retained), messages a second, time since the last one.",
];

/** @param nowMs of the wall clock. @returns exactly `rows` lines, each of exactly `columns` cells. */
export function viewWatch(model: WatchModel, size: ScreenSize, nowMs: number, hasColour: boolean): string[] {
  const columns = Math.max(1, size.columns);
  if (columns < COLUMNS_MIN || size.rows < ROWS_MIN) {
    const line = layLine([{ text: "too small" }], columns, hasColour);
    return [line, ...Array(Math.max(0, size.rows - 1)).fill(" ".repeat(columns))].slice(0, size.rows);
  }
  // A low screen has room for the end of it: the field that is typed in.
  const foot = footSpans(model, columns, size.rows - 1).slice(-(size.rows - 1));
  const bodyRows = size.rows - 1 - foot.length;
  model.fit(bodyRows);
  const body = bodySpans(model, columns, bodyRows, nowMs);
  while (body.length < bodyRows) body.push([]);
  return [headSpans(model, columns), ...body.slice(0, bodyRows), ...foot].map((spans) =>
    layLine(spans, columns, hasColour)
  );
}

function headSpans(model: WatchModel, columns: number): Span[] {
  const { tree, connection, isPaused, held, filter } = model;
  const { count, rate } = tree.root;
  const facts = [
    `${tree.topics.toLocaleString("en")} topics`,
    `${count.toLocaleString("en")} messages`,
    ...(rate > 0 ? [rateText(rate)] : []),
    ...(filter === "" ? [] : [`filter ${filter}`]),
    ...(tree.leftOut === 0 ? [] : [`no room for ${tree.leftOut.toLocaleString("en")}`]),
  ];
  const pause = isPaused ? ` PAUSED, ${held.toLocaleString("en")} held back ` : "";
  const text = ` ${connection}  ${facts.join("  ")}`;
  const spans: Span[] = [{ text: fit(text, Math.max(0, columns - widthOf(pause))), style: "reverse" }];
  if (isPaused) spans.push({ text: pause, style: "yellow" });
  return spans;
}

function bodySpans(model: WatchModel, columns: number, rows: number, nowMs: number): Span[][] {
  const { mode } = model;
  if (mode.name === "help") return HELP.map((text) => [{ text }]);
  if (mode.name === "inspect") {
    const lines = messageLines(mode.node, mode.view, nowMs);
    model.limitScroll(lines.length - rows);
    return lines.slice(mode.scroll, mode.scroll + rows);
  }
  if (model.rows.length === 0) {
    return [[{ text: model.filter === "" ? " nothing has come yet" : " no topic matches the filter", style: "dim" }]];
  }
  const { cursor, scroll } = model;
  return model.rows.slice(scroll, scroll + rows).map((node, at) =>
    rowSpans(node, columns, scroll + at === cursor, model.filter !== "", nowMs)
  );
}

function rowSpans(node: TopicNode, columns: number, isSelected: boolean, isFiltered: boolean, nowMs: number): Span[] {
  const nameWidth = Math.max(NAME_WIDTH_MIN, Math.floor((columns - RIGHT_WIDTH) * NAME_PART));
  const valueWidth = columns - nameWidth - RIGHT_WIDTH - RETAINED_WIDTH;
  const isFolded = node.isFolded && !isFiltered;
  const sign = node.children.size === 0 ? " " : isFolded ? "▸" : "▾";
  const below = isFolded ? ` (${node.topics.toLocaleString("en")})` : "";
  const indent = " ".repeat(Math.min(2 * node.depth, nameWidth >> 1));
  const name = fit(`${indent}${sign} ${node.level === "" ? "(empty level)" : node.level}${below}`, nameWidth);
  if (valueWidth < 4) return [{ text: fit(name, columns), style: isSelected ? "reverse" : undefined }];
  const { last } = node;
  const value = last === undefined ? "" : briefPayload(beginningOf(last.payload, 4 * valueWidth), valueWidth);
  const retained = last?.retain ? "R " : "  ";
  const rate = node.rate > 0 ? rateText(node.rate) : "";
  const age = last === undefined ? "" : ageText(nowMs - last.atMs);
  return [
    { text: name, style: isSelected ? "reverse" : last === undefined ? undefined : "cyan" },
    { text: retained, style: "yellow" },
    { text: fit(value, valueWidth) },
    { text: fitRight(rate, RATE_WIDTH + 1), style: "green" },
    { text: fitRight(age, AGE_WIDTH + 1), style: "dim" },
  ];
}

function footSpans(model: WatchModel, columns: number, rowsMax: number): Span[][] {
  const { mode, notice } = model;
  const said: Span[][] = notice === "" ? [] : [[{ text: ` ${notice}`, style: "yellow" }]];
  switch (mode.name) {
    case "filter":
      return [...said, inputSpans(" filter: ", mode.line, columns, true)];
    case "publish":
      return [...said, ...formSpans(mode.form, columns, rowsMax)];
    case "clear":
      return [[{ text: ` clear the retained message of ${mode.topicName}? y n`, style: "yellow" }]];
    case "inspect":
      return said.length > 0 ? said : [[{ text: ` ${MESSAGE_KEYS}`, style: "dim" }]];
    case "help":
      return [[{ text: " any key goes back", style: "dim" }]];
    case "tree":
      return said.length > 0 ? said : [[{ text: ` ${TREE_KEYS}`, style: "dim" }]];
  }
}

function formSpans(form: PublishForm, columns: number, rowsMax: number): Span[][] {
  const fields = rowsMax > FORM_FIELDS.length ? FORM_FIELDS : [form.field];
  const rows = fields.map((field): Span[] => {
    const isHere = field === form.field;
    const label = ` ${isHere ? "›" : " "} ${field.padEnd(8)}`;
    if (field === "topic" || field === "payload") return inputSpans(label, form[field], columns, isHere);
    const value = field === "qos" ? String(form.qos) : form.retain ? "yes" : "no";
    return [{ text: label, style: isHere ? "bold" : undefined }, {
      text: value,
      style: isHere ? "reverse" : undefined,
    }];
  });
  if (fields.length === 1) return rows;
  return [...rows, [{ text: " tab next  space changes  ⏎ publish  esc back", style: "dim" }]];
}

/** The part of the line around the cursor. */
function inputSpans(label: string, line: LineEditor, columns: number, isHere: boolean): Span[] {
  const width = columns - widthOf(label) - 2;
  const before = lastCells(line.beforeCursor, isHere ? Math.max(1, width - 1) : width);
  const [at = " ", ...after] = [...line.afterCursor];
  const spans: Span[] = [{ text: label, style: isHere ? "bold" : undefined }, { text: before }];
  if (!isHere) return [...spans, { text: line.afterCursor }];
  return [...spans, { text: at, style: "reverse" }, { text: after.join("") }];
}

function lastCells(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const characters = [...text];
  while (widthOf(characters.join("")) > width - 1) characters.splice(0, Math.max(1, characters.length - width));
  return "…" + characters.join("");
}

/** "12.3/s" */
export function rateText(rate: number): string {
  return `${rate >= 100 ? Math.round(rate).toLocaleString("en") : Number(rate.toPrecision(2))}/s`;
}

/** "now", "5 s", "3 min", "2 h", "4 d" */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
