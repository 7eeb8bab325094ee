/** Profile files: what need not be typed again, one JSON file for each name in the user's configuration folder. They hold
 * no passwords, and only their owner may read them. @module */

import * as v from "valibot";
import { makePrivateFile, makePrivateFolder } from "../../base/private_files.ts";
import { nearest } from "../../config/keys.ts";
import { CommandError } from "../answer.ts";
import { UsageError } from "../arguments.ts";
import { configFolder } from "../platform.ts";
import type { Terminal } from "../terminal.ts";
import { type ConnectionSettings, SETTINGS_SCHEMA } from "./connection_settings.ts";

const SUFFIX = ".json";
const NAME = /^\w[\w.-]{0,63}$/;

export class ProfileStore {
  readonly folder: string;

  /** @throws CommandError when the environment names no folder. */
  constructor({ environment }: Terminal) {
    const folder = configFolder(environment);
    if (folder === undefined) {
      throw new CommandError("there is no configuration folder: neither XDG_CONFIG_HOME nor HOME (or APPDATA) is set");
    }
    this.folder = `${folder}/quetzal/profiles`;
  }

  /** In the order of their names. */
  names(): string[] {
    try {
      return [...Deno.readDirSync(this.folder)]
        .filter(({ name }) => name.endsWith(SUFFIX) && NAME.test(name.slice(0, -SUFFIX.length)))
        .map(({ name }) => name.slice(0, -SUFFIX.length)).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw failure(`${this.folder} cannot be read`, error);
    }
  }

  /** @throws CommandError when there is none of this name, or it is spoilt. */
  load(name: string): ConnectionSettings {
    const path = this.#pathOf(name);
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw failure(`${path} cannot be read`, error);
      const names = this.names();
      const meant = nearest(name, names);
      throw new CommandError(
        `there is no profile "${name}"; ` +
          (meant !== undefined ? `did you mean ${meant}?` : "profile save makes one, profile list shows all"),
      );
    }
    return this.#parse(path, text);
  }

  /** In the place of one that is there. */
  save(name: string, settings: ConnectionSettings): string {
    const path = this.#pathOf(name);
    // Beside it, so that a profile is never half written.
    const next = `${path}.${Deno.pid}.new`;
    try {
      makePrivateFolder(this.folder);
      makePrivateFile(next);
      Deno.writeTextFileSync(next, JSON.stringify(settings, undefined, 2) + "\n");
      Deno.renameSync(next, path);
    } catch (error) {
      throw failure(`${path} cannot be written`, error);
    }
    return path;
  }

  /** @throws CommandError when there is none of this name. */
  remove(name: string): void {
    this.load(name);
    Deno.removeSync(this.#pathOf(name));
  }

  #parse(path: string, text: string): ConnectionSettings {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw failure(`${path} is no JSON`, error);
    }
    const result = v.safeParse(SETTINGS_SCHEMA, value);
    if (result.success) return result.output;
    const [issue] = result.issues;
    throw new CommandError(`${path}: ${v.getDotPath(issue) ?? "the profile"}: ${issue.message}`);
  }

  #pathOf(name: string): string {
    if (NAME.test(name)) return `${this.folder}/${name}${SUFFIX}`;
    throw new UsageError(
      `a profile's name has letters, digits, "-", "_" and "."; it begins with a letter, a digit or "_"`,
    );
  }
}

function failure(what: string, error: unknown): CommandError {
  return new CommandError(`${what}: ${error instanceof Error ? error.message : error}`);
}
