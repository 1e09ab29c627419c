/**
 * `flexdeploy.json`, checked at the door: by the runtime on the PC, and by the builder before it writes one.
 * Whatever is wrong becomes a sentence; whatever is right still counts.
 */
import { X509Certificate } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { readJsonText } from './json-text.ts';
import { BOOT_CONFIG_MAX_BYTES, BootConfig } from './protocol/config.ts';

/** One thing that is wrong (the shape of `ConfigProblem` in the kiosk's protocol). */
export interface BootConfigProblem {
  /** Path of the key, such as `network.dns`; empty when the file as a whole is broken. */
  key: string;
  /** What is wrong, with the value found. */
  problem: string;
  /** What is allowed there. */
  allowed: string;
}

export interface ParsedBootConfig {
  config: BootConfig;
  problems: BootConfigProblem[];
}

/** What the parts of a JSON schema that `BootConfig` uses look like. */
interface Schema {
  type?: string;
  const?: unknown;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
}

const WHOLE_FILE = `JSON text such as {"server": "desktops.example.org"}, at most ${BOOT_CONFIG_MAX_BYTES / 1024} KiB`;

/** Rules that a pattern cannot say. They get a value that matches its schema, and return what is wrong with it. */
const FURTHER_RULES: Record<string, (value: string) => string | undefined> = {
  server: (value) => {
    const port = /:(\d+)$/.exec(value)?.[1];
    return port !== undefined && (Number(port) < 1 || Number(port) > 65535)
      ? `port ${port} is not between 1 and 65535`
      : undefined;
  },
  ca: (value) => {
    if (!value.startsWith('-----')) return undefined;
    try {
      new X509Certificate(value);
      return undefined;
    } catch {
      return 'this certificate cannot be read: part of it may be missing';
    }
  },
  'network.address': (value) => {
    const [address = '', prefix = ''] = value.split('/');
    return isIPv4(address) && Number(prefix) >= 1 && Number(prefix) <= 32
      ? undefined
      : `${shown(value)} is not an address with a prefix from /1 to /32`;
  },
};

/** Reads the text of `flexdeploy.json`. Never throws: wrong parts are left out of `config` and told in `problems`. */
export function parseBootConfig(text: string): ParsedBootConfig {
  const problems: BootConfigProblem[] = [];
  if (Buffer.byteLength(text) > BOOT_CONFIG_MAX_BYTES) {
    const problem = `the file has ${Math.ceil(Buffer.byteLength(text) / 1024)} KiB`;
    return { config: {}, problems: [{ key: '', problem, allowed: WHOLE_FILE }] };
  }
  const read = readJsonText(text);
  for (const { line, column, problem } of read.problems)
    problems.push({ key: '', problem: `line ${line}, column ${column}: ${problem}`, allowed: WHOLE_FILE });
  if (read.value === undefined) return { config: {}, problems };
  const config = keep(BootConfig as unknown as Schema, read.value, '', problems);
  return { config: (config ?? {}) as BootConfig, problems };
}

/** The part of `value` that the schema allows; undefined when nothing of it can be used. */
function keep(schema: Schema, value: unknown, key: string, problems: BootConfigProblem[]): unknown {
  if (schema.anyOf?.some((s) => s.properties)) return keepVariant(schema, value, key, problems);
  if (schema.properties) return keepObject(schema, value, key, problems);
  const allowed = schema.description ?? 'see the documentation';
  if (!Value.Check(schema as TSchema, value)) {
    problems.push({ key, problem: wrongValue(schema, value), allowed: describeNested(schema, value) ?? allowed });
    return undefined;
  }
  const further = typeof value === 'string' ? FURTHER_RULES[key]?.(value) : undefined;
  if (further !== undefined) {
    problems.push({ key, problem: further, allowed });
    return undefined;
  }
  return value;
}

function keepObject(schema: Schema, value: unknown, key: string, problems: BootConfigProblem[]): unknown {
  const allowed = schema.description ?? WHOLE_FILE;
  if (!isObject(value)) {
    problems.push({ key, problem: `${shown(value)} is not an object in { }`, allowed });
    return undefined;
  }
  const properties = schema.properties ?? {};
  const kept: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value)) {
    const path = key ? `${key}.${name}` : name;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!property) problems.push(unknownKey(name, path, Object.keys(properties)));
    const usable = property && keep(property, entry, path, problems);
    if (usable !== undefined) kept[name] = usable;
  }
  return complete(schema, value, kept, key, problems) ? kept : undefined;
}

/** Whether every required key is there. One that was there and wrong has been told already. */
function complete(schema: Schema, given: object, kept: object, key: string, problems: BootConfigProblem[]): boolean {
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(kept, name));
  for (const name of missing.filter((n) => !Object.hasOwn(given, n))) {
    const allowed = schema.properties?.[name]?.description ?? schema.description ?? '';
    problems.push({ key: key ? `${key}.${name}` : name, problem: 'this key is missing', allowed });
  }
  return missing.length === 0;
}

function unknownKey(name: string, path: string, known: readonly string[]): BootConfigProblem {
  const near = nearest(name, known);
  const problem = `there is no key ${shown(name)}${near ? `; did you mean ${shown(near)}?` : ''}`;
  return { key: path, problem, allowed: known.join(', ') };
}

/** Objects of several kinds, told apart by a key with a fixed value (`mode`). */
function keepVariant(schema: Schema, value: unknown, key: string, problems: BootConfigProblem[]): unknown {
  const variants = schema.anyOf ?? [];
  const tag = Object.entries(variants[0]?.properties ?? {}).find(([, s]) => s.const !== undefined)?.[0] ?? '';
  const kinds = variants.map((v) => v.properties?.[tag]?.const);
  const allowed = schema.description ?? '';
  if (!isObject(value)) {
    problems.push({ key, problem: `${shown(value)} is not an object in { }`, allowed });
    return undefined;
  }
  const variant = variants[kinds.indexOf(value[tag])];
  if (variant) return keepObject({ ...variant, description: allowed }, value, key, problems);
  const found = value[tag] === undefined ? 'this key is missing' : `${shown(value[tag])} is not possible here`;
  problems.push({ key: `${key}.${tag}`, problem: found, allowed: kinds.map((k) => shown(k)).join(' or ') });
  return undefined;
}

function wrongValue(schema: Schema, value: unknown): string {
  if (schema.type === 'string' && typeof value !== 'string') return `${shown(value)} is not text in double quotes`;
  if (schema.type === 'array' && !Array.isArray(value)) return `${shown(value)} is not a list in [ ]`;
  return `${shown(value)} is not possible here`;
}

function describeNested(schema: Schema & { items?: Schema; maxItems?: number }, value: unknown): string | undefined {
  if (schema.type !== 'array' || !schema.items) return undefined;
  const most = schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`;
  return `a list of ${schema.items.description ?? 'values'}${most}${Array.isArray(value) ? '' : ', in [ ]'}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as it stands in the file, shortened. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The word that was probably meant: at most two edits away (one, for words of up to four letters). */
function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const ranked = known.map((k) => ({ k, d: distance(lower, k.toLowerCase()) })).sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best && best.d <= (best.k.length <= 4 ? 1 : 2) ? best.k : undefined;
}

/** Levenshtein distance, of words up to 64 characters. */
function distance(a: string, b: string): number {
  if (a.length > 64) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitute));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
