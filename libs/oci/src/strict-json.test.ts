import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '@entrepot/errors/app-error';
import { parseStrictJson, type JsonLimits } from './strict-json.ts';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const distinct = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',');

function parse(text: string, limits: Partial<JsonLimits> = {}): unknown {
  return parseStrictJson(text, { maxDepth: 64, maxValues: 100_000, ...limits });
}

describe('parseStrictJson', () => {
  it('reads every JSON value as JSON.parse does', () => {
    const text = fc
      .json({ depthSize: 'medium', stringUnit: 'binary' })
      .filter((json) => !/\\u0000/.test(json));
    fc.assert(
      fc.property(text, (json) => {
        expect(parse(json)).toEqual(JSON.parse(json));
      }),
    );
  });

  it('throws nothing but AppError, whatever the text', () => {
    const nearlyJson = fc.string({ unit: fc.constantFrom(...'{}[]:,"\\u0a1 '.split('')) });
    fc.assert(
      fc.property(fc.oneof(nearlyJson, fc.string({ unit: 'binary' })), (text) => {
        try {
          parse(text, { maxDepth: 8 });
          return true;
        } catch (error) {
          return isAppError(error, 'MANIFEST_INVALID');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"b":{"a":1},"a":2}',
    '[{"x":[{"a":1,"b":2,"a":3}]}]',
    String.raw`{"a":1,"\u0061":2}`,
    String.raw`{"a\\":1,"a\\":2}`,
    '{"a":{},"b":[],"a":0}',
    '{"":1,"":2}',
    `{${distinct(40)},"k3":1}`,
    '{"a":"}","a":1}',
    '{"__proto__":1,"__proto__":2}',
  ])('refuses a key that stands twice: %s', (text) => {
    expect(() => parse(text)).toThrow(/stands twice/);
  });

  it.each([
    '{"a":1,"b":{"a":{"a":2}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":["a","a","a"]}',
    String.raw`{"a":"\"a\":1,\"a\":2","b":"\\"}`,
    String.raw`{"a\\":1,"a":2,"a\"":3}`,
    '{"a":1,"A":2}',
    `{${distinct(40)}}`,
  ])('accepts the same text elsewhere: %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('counts the levels', () => {
    expect(parse(nested(64))).toBeDefined();
    expect(() => parse(nested(65))).toThrow(/64 levels/);
    expect(() => parse('['.repeat(1_000_000))).toThrow(/64 levels/);
    expect(parse('[[],[],[]]', { maxDepth: 2 })).toBeDefined();
  });

  it.each([
    ['{"a":1,"b":2,"c":3}', 3],
    ['[1,2,3]', 3],
    ['[{"a":1},{"a":{"b":1}}]', 5],
    ['[[],[],{},[[]]]', 9],
    ['["a,b,[{"]', 1],
    [`[${nested(9)}]`, 10],
  ])('counts members, items, objects and lists together: %s', (text, values) => {
    expect(parse(text, { maxValues: values })).toEqual(JSON.parse(text));
    expect(() => parse(text, { maxValues: values - 1 })).toThrow(/more than \d+ values/);
  });

  it.each([
    String.raw`"\u0000"`,
    String.raw`{"\u0000":1}`,
    String.raw`["\ud800"]`,
    String.raw`{"a":"\udc00x"}`,
  ])('refuses text that no database row can hold: %s', (text) => {
    expect(() => parse(text)).toThrow(/U\+0000/);
  });

  it.each([String.raw`"\u00e4\ud83d\ude00"`, String.raw`"\\u0000"`])('accepts other escapes: %s', (text) => {
    expect(parse(text)).toBe(JSON.parse(text));
  });

  it.each(['', '{', '{"a"', '{"a":}', '{"a":1,}', '\u{feff}{}', 'nul', '"', '"\\', '{"a":1}}', ']'])(
    'refuses %j, which is no JSON',
    (text) => {
      expect(() => parse(text)).toThrow(/not JSON/);
    },
  );

  it('takes linear time for hostile text', () => {
    const started = performance.now();
    const megabyte = 2 ** 20;
    for (const text of [
      '\\'.repeat(megabyte),
      `"${'\\'.repeat(megabyte)}`,
      `"${String.raw`\"`.repeat(megabyte / 2)}`,
    ]) {
      expect(() => parse(text)).toThrow();
    }
    parse(`{${distinct(99_999)}}`);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
