import { manifestInvalid, shown } from './manifest-error.ts';

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Objects with more keys than this are checked with a Set; below it a linear search is faster. */
const linearKeys = 8;

/** What {@link parseStrictJson} refuses by size. */
export interface JsonLimits {
  /** Levels of nested objects and lists. */
  readonly maxDepth: number;
  /** Values, as commas and opening brackets count them: bounds time and memory. */
  readonly maxValues: number;
}

class KeyScanner {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #keys: (string[] | undefined)[] = [];
  readonly #sets: (Set<string> | undefined)[] = [];
  #depth = 0;
  #values = 0;
  #expectKey = false;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  scan(): void {
    const text = this.#text;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code === quote) index = this.#string(index + 1);
      else if (code === comma) this.#next();
      else if (code === openBrace || code === openBracket) this.#open(code === openBrace);
      else if (code === closeBrace || code === closeBracket) this.#close();
    }
  }

  #next(): void {
    this.#count();
    this.#expectKey = this.#keys[this.#depth] !== undefined;
  }

  #open(isObject: boolean): void {
    this.#count();
    this.#depth++;
    if (this.#depth > this.#limits.maxDepth) {
      throw manifestInvalid(`The manifest nests deeper than ${this.#limits.maxDepth} levels: flatten it.`);
    }
    this.#keys[this.#depth] = isObject ? [] : undefined;
    this.#sets[this.#depth] = undefined;
    this.#expectKey = isObject;
  }

  #close(): void {
    if (this.#depth > 0) this.#depth--;
  }

  #count(): void {
    if (++this.#values > this.#limits.maxValues) {
      throw manifestInvalid(`The manifest holds more than ${this.#limits.maxValues} values: split it up.`);
    }
  }

  /** Takes the string whose text starts at `start`; returns the index of its closing quote. */
  #string(start: number): number {
    const end = closingQuote(this.#text, start);
    if (this.#expectKey) {
      this.#expectKey = false;
      this.#key(keyText(this.#text.slice(start, end)));
    }
    return end;
  }

  #key(key: string): void {
    const keys = this.#keys[this.#depth];
    if (keys === undefined) return;
    const set = this.#sets[this.#depth];
    if (set ? set.has(key) : keys.includes(key)) {
      throw manifestInvalid(`The member ${shown(key)} stands twice in one object: keep one of them.`);
    }
    if (set) set.add(key);
    else if (keys.push(key) > linearKeys) this.#sets[this.#depth] = new Set(keys);
  }
}

function closingQuote(text: string, start: number): number {
  for (let from = start; ;) {
    const end = text.indexOf('"', from);
    if (end < 0) return text.length;
    let escapes = 0;
    while (end - escapes > start && text.charCodeAt(end - escapes - 1) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
    from = end + 1;
  }
}

function keyText(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw; // not JSON: the parser that follows says so
  }
}

// What Postgres stores in no text and no jsonb: it can only come from an escape, as the text itself is valid UTF-8.
function refuseUnstorable(value: unknown): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) {
      throw manifestInvalid(`${shown(value)} holds U+0000 or half a surrogate pair: remove it.`);
    }
  } else if (Array.isArray(value)) {
    for (const item of value) refuseUnstorable(item);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      refuseUnstorable(key);
      refuseUnstorable(member);
    }
  }
}

/**
 * Parses JSON (RFC 8259) and refuses what `JSON.parse` lets pass: an object that repeats a key, also when one is
 * written with escapes (§ 4: behaviour is unpredictable), more than the limits allow (§ 9), and strings that are
 * not Unicode text or hold U+0000 (§ 8.2). Linear in the length of the text.
 *
 * @throws AppError MANIFEST_INVALID
 */
export function parseStrictJson(text: string, limits: JsonLimits): unknown {
  // before the parser, so that hostile nesting is never built; text that is no JSON fails here or there
  new KeyScanner(text, limits).scan();
  const value = parseJson(text);
  if (text.includes(String.raw`\u`)) refuseUnstorable(value);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw manifestInvalid('The manifest is not JSON: send the document as the client built it.', cause);
  }
}
