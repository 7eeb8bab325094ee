/** What a command of the client can be told: rows of its table of options. They mean what mosquitto_pub and mosquitto_sub
 * mean by them: `-h` is a host here, and `-V` a protocol version. Types only. @module */

export interface ClientOption {
  /** Without the dashes. One letter: it has no long name. */
  readonly name: string;
  readonly short?: string;
  readonly aliases?: readonly string[];
  /** What stands for its values in the help; [] or undefined = a flag. */
  readonly valueNames?: readonly string[];
  /** How many values it takes, if that depends on the first ones. Default: one for each name. */
  readonly countOf?: (values: readonly string[]) => number;
  readonly repeatable?: true;
  /** Why there is no such thing here: it is understood, and refused. */
  readonly refusal?: string;
  /** Makes no difference here: it is understood, and nothing happens. */
  readonly ignored?: true;
  readonly about: string;
  readonly example: string;
}

/** What was given. */
export interface GivenClientOptions {
  readonly flags: ReadonlySet<string>;
  /** Of each option with values, by name: one list for each time. */
  readonly values: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** What is no option. */
  readonly operands: readonly string[];
}
