import { manifestInvalid, shown } from './manifest-error.ts';

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Objects with more keys than this are checked with a Set; below it a linear search is faster. */
const linearKeys = 16;

class KeyScanner {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #keys: (string[] | undefined)[] = [];
  readonly #sets: (Set<string> | undefined)[] = [];
  #depth = 0;
  #expectKey = false;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  scan(): void {
    const text = this.#text;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code === quote) index = this.#string(index + 1);
      else if (code === comma) this.#expectKey = this.#keys[this.#depth] !== undefined;
      else if (code === openBrace || code === openBracket) this.#open(code === openBrace);
      else if (code === closeBrace || code === closeBracket) this.#close();
    }
  }

  #open(isObject: boolean): void {
    this.#depth++;
    if (this.#depth > this.#maxDepth) {
      throw manifestInvalid(`The manifest nests deeper than ${this.#maxDepth} levels: flatten it.`);
    }
    this.#keys[this.#depth] = isObject ? [] : undefined;
    this.#sets[this.#depth] = undefined;
    this.#expectKey = isObject;
  }

  #close(): void {
    if (this.#depth > 0) this.#depth--;
    this.#expectKey = false;
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

/**
 * Checks what `JSON.parse` does not (RFC 8259 § 4, § 9): no object repeats a key, also when one is written with
 * escapes, and nothing nests deeper than `maxDepth`. One pass, linear; text that is not JSON passes or fails
 * here, and fails in the parser after it.
 *
 * @throws AppError MANIFEST_INVALID
 */
export function scanJson(text: string, maxDepth: number): void {
  new KeyScanner(text, maxDepth).scan();
}
