/** The Topic Filters of rules: variables, what is put in their place, and which topics they then match.
 *
 * Variables are `%u` and `${user}`, `%c` and `${client-id}`, and `${role}`, anywhere in a level. What a Client calls itself
 * must not change what a rule says (CVE-2017-7650: a Client named "#"): a value is put in only if it is a level's text, that
 * is, not empty and without `/ + # $` and U+0000. For a user or client without such a value,
 *
 * - a rule that allows does not apply, and
 * - a rule that forbids applies whatever the value: each level that holds the variable becomes ANY_LEVELS, one or more
 *   levels of any text, also of a `$` at the beginning. So it forbids all that the value could have meant, and nobody gets
 *   round it by a strange name.
 *
 * Room: pure. @module */

import { filterCovers, filtersOverlap } from "../topic/filter_cover.ts";
import { isSharedFilter } from "../topic/shared_filter.ts";
import { isValidTopicFilter, topicMatchesFilter } from "../topic/topic_filter.ts";

/** A level of a pattern: one or more levels of any text. No filter has U+0000. */
const ANY_LEVELS = "\0";
/** Matches all that there is: in the place of a filter that is none, in a rule that forbids. */
const EVERYTHING = ANY_LEVELS;

const VARIABLE = /%u|%c|\$\{[^}]*\}?/g;
/** Of a level's text. */
const UNSAFE = /[/+#$\0]/;

type VariableName = "user" | "client-id" | "role";
const VARIABLE_NAMES: Readonly<Record<string, VariableName>> = {
  "%u": "user",
  "${user}": "user",
  "%c": "client-id",
  "${client-id}": "client-id",
  "${role}": "role",
};

/** What stands for the variables. */
export interface PatternValues {
  /** undefined = anonymous. */
  readonly userName: string | undefined;
  readonly clientId: string;
  readonly roles: readonly string[];
}

/** What is wrong with the Topic Filter of a rule, for people; undefined = nothing. */
export function aclFilterProblem(topicFilter: string): string | undefined {
  const hasVariable = mayHaveVariable(topicFilter);
  if (hasVariable) {
    for (const [variable] of topicFilter.matchAll(VARIABLE)) {
      if (VARIABLE_NAMES[variable] !== undefined) continue;
      return `${variable} is no variable; there are %u, %c, \${user}, \${client-id} and \${role}`;
    }
  }
  if (isSharedFilter(topicFilter)) {
    return "a rule is about what comes after $share/name/: the same holds for shared and other subscriptions";
  }
  // A variable stands for text within a level: so does "x".
  const example = hasVariable ? topicFilter.replaceAll(VARIABLE, "x") : topicFilter;
  return isValidTopicFilter(example) ? undefined : "this is no Topic Filter";
}

/** Most rules have none, and a change of the accounts reads all of them. */
function mayHaveVariable(topicFilter: string): boolean {
  return topicFilter.includes("%") || topicFilter.includes("${");
}

/** A rule's Topic Filter, read once. */
export class PatternTemplate {
  /** Literal texts and variables in turn; undefined: it is no filter that a rule may have. */
  readonly #parts: readonly (string | { readonly variable: VariableName })[] | undefined;
  /** The same pattern for everybody. */
  readonly isConstant: boolean;
  /** With a variable: what every topic and filter begins with that any pattern of this matches or covers, "a/" of
   * "a/x%u/#". */
  readonly beginning: string;
  /** Matches what any of its patterns matches, if there is a beginning. */
  readonly #outline: string;
  readonly #hasRole: boolean;

  constructor(readonly topicFilter: string) {
    if (aclFilterProblem(topicFilter) !== undefined) {
      this.#parts = undefined;
      this.isConstant = true;
      this.beginning = "";
      this.#outline = "#";
      this.#hasRole = false;
      return;
    }
    const parts: (string | { variable: VariableName })[] = [];
    let at = 0;
    for (const match of mayHaveVariable(topicFilter) ? topicFilter.matchAll(VARIABLE) : []) {
      parts.push(topicFilter.slice(at, match.index), { variable: VARIABLE_NAMES[match[0]] });
      at = match.index + match[0].length;
    }
    parts.push(topicFilter.slice(at));
    this.#parts = parts;
    this.isConstant = parts.length === 1;
    this.beginning = this.isConstant ? "" : beginningOf(parts[0] as string);
    this.#outline = `${this.beginning}#`;
    this.#hasRole = parts.some((part) => typeof part !== "string" && part.variable === "role");
  }

  /** A Topic Filter that matches what any pattern of this matches, whoever the Client is, and also where that begins with $:
   * a value is text of one level; without one a rule that forbids goes any number of levels deep. */
  outline(effect: "allow" | "deny"): string {
    const levels = this.topicFilter.split("/");
    const first = levels.findIndex(mayHaveVariable);
    if (effect === "deny") return [...levels.slice(0, first), "#"].join("/");
    return levels.map((level) => mayHaveVariable(level) ? "+" : level).join("/");
  }

  /** `false`: no topic that `topicFilter` matches is meant by any pattern of this. */
  mayOverlap(topicFilter: string): boolean {
    return this.beginning === "" || filtersOverlap(this.#outline, topicFilter);
  }

  /** The patterns of this filter for one Client: none, one, or with `${role}` one for each role. */
  patterns(effect: "allow" | "deny", values: PatternValues): string[] {
    if (this.#parts === undefined) return effect === "allow" ? [] : [EVERYTHING];
    if (this.isConstant) return [this.topicFilter];
    // Without a role the variable has no value, as for a Client without a user name.
    const roles = this.#hasRole && values.roles.length > 0 ? values.roles : [undefined];
    const patterns = new Set<string>();
    for (const role of roles) {
      const pattern = this.#patternFor(effect, values, role);
      if (pattern !== undefined) patterns.add(pattern);
    }
    return [...patterns];
  }

  #patternFor(effect: "allow" | "deny", values: PatternValues, role: string | undefined): string | undefined {
    let pattern = "";
    let isUnsafe = false;
    for (const part of this.#parts!) {
      if (typeof part === "string") {
        pattern += part;
        continue;
      }
      const value = part.variable === "user" ? values.userName : part.variable === "role" ? role : values.clientId;
      if (value !== undefined && value !== "" && !UNSAFE.test(value)) {
        pattern += value;
      } else {
        if (effect === "allow") return undefined;
        pattern += ANY_LEVELS;
        isUnsafe = true;
      }
    }
    if (!isUnsafe) return pattern;
    return pattern.split("/").map((level) => level.includes(ANY_LEVELS) ? ANY_LEVELS : level).join("/");
  }
}

/** @param text before the first variable: its last level may go on with that, and becomes ANY_LEVELS as a whole. */
function beginningOf(text: string): string {
  const wildcard = text.search(/[+#]/);
  const plain = wildcard < 0 ? text : text.slice(0, wildcard);
  return plain.slice(0, plain.lastIndexOf("/") + 1);
}

/** Matches a Topic Name as a Topic Filter does. */
export function patternMatches(pattern: string, topicName: string): boolean {
  return hasAnyLevels(pattern) ? coversLevels(pattern, topicName) : topicMatchesFilter(topicName, pattern);
}

/** Matches all that `topicFilter` matches. */
export function patternCovers(pattern: string, topicFilter: string): boolean {
  return hasAnyLevels(pattern) ? coversLevels(pattern, topicFilter) : filterCovers(pattern, topicFilter);
}

/** `false`: nothing matches both. With ANY_LEVELS, `true` does not say that something does. */
export function patternMayOverlap(pattern: string, topicFilter: string): boolean {
  if (!hasAnyLevels(pattern)) return filtersOverlap(pattern, topicFilter);
  const beginning = pattern.slice(0, pattern.indexOf(ANY_LEVELS));
  return beginning === "" || filtersOverlap(`${beginning}#`, topicFilter);
}

/** If not, the pattern is a Topic Filter. */
export function hasAnyLevels(pattern: string): boolean {
  return pattern.includes(ANY_LEVELS);
}

/** For people. */
export function patternText(pattern: string): string {
  return pattern.replaceAll(ANY_LEVELS, "<any>");
}

/** Exactly one level, and any number of them. */
const ONE = "+";
const SOME = "#";

/** Of a pattern with ANY_LEVELS, and a Topic Name or Topic Filter. Such patterns are rare, and what was found is
 * remembered: so levels are cut apart here. The search for a place of the last SOME alone is enough, since whatever
 * earlier ones could take, the last one can as well; it costs at most levels × levels. */
function coversLevels(pattern: string, topic: string): boolean {
  const wide = tokensOf(pattern);
  // As in filterCovers: these two have a level more than they show.
  const narrow = (topic === "#" ? "+/#" : topic === "/#" ? "/+/#" : topic).split("/");
  if (narrow[0].startsWith("$") && (pattern[0] === ONE || pattern[0] === SOME)) return false;
  let at = 0;
  let wideAt = 0;
  let retryAt = 0;
  let retryWideAt = -1;
  while (at < narrow.length) {
    if (wide[wideAt] === SOME) {
      retryWideAt = ++wideAt;
      retryAt = at;
    } else if (wideAt < wide.length && narrow[at] !== SOME && (wide[wideAt] === ONE || wide[wideAt] === narrow[at])) {
      wideAt++;
      at++;
    } else if (retryWideAt >= 0) {
      wideAt = retryWideAt;
      at = ++retryAt;
    } else {
      return false;
    }
  }
  while (wide[wideAt] === SOME) wideAt++;
  return wideAt === wide.length;
}

/** The levels of a pattern, ANY_LEVELS as ONE and SOME. In a row of these the ONEs come first, which says the same: so a #
 * at the end of a filter, which only SOME can take, finds no ONE behind it. */
function tokensOf(pattern: string): string[] {
  const tokens: string[] = [];
  let isSome = false;
  for (const level of pattern.split("/")) {
    if (level === ANY_LEVELS || level === ONE) tokens.push(ONE);
    if (level === ANY_LEVELS || level === SOME) isSome = true;
    if (level === ANY_LEVELS || level === ONE || level === SOME) continue;
    if (isSome) tokens.push(SOME);
    isSome = false;
    tokens.push(level);
  }
  if (isSome) tokens.push(SOME);
  return tokens;
}
