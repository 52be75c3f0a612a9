import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatContentRange, formatUploadRange, parseContentRange, parseRange } from './range.ts';

describe('parseRange', () => {
  it.each([
    ['bytes=0-99', { start: 0, end: 100 }],
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=500-', { start: 500, end: 1000 }],
    ['bytes=-500', { start: 500, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes=900-5000', { start: 900, end: 1000 }],
    ['BYTES= 1-2 ', { start: 1, end: 3 }],
    [`bytes=0-${'9'.repeat(400)}`, { start: 0, end: 1000 }],
  ])('reads %j of 1000 bytes', (header, range) => {
    expect(parseRange(header, 1000)).toEqual(range);
  });

  it.each(['bytes=1000-', 'bytes=5000-10000', 'bytes=500-0', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])(
    'cannot satisfy %j',
    (header) => {
      expect(parseRange(header, 1000)).toBe('unsatisfiable');
    },
  );

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=0-1,5-6',
    'items=0-1',
    'bytes=0x1-2',
    'bytes=1.5-2',
    'bytes=--1',
    'bytes 0-1',
  ])('ignores %j', (header) => {
    expect(parseRange(header, 1000)).toBeUndefined();
  });

  it('has nothing to give of empty content', () => {
    expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseRange('bytes=-1', 0)).toBeUndefined();
  });

  it('stays within the content, whatever the header', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: 20 });
    const header = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.tuple(digits, digits).map(([first, last]) => `bytes=${first}-${last}`),
    );
    fc.assert(
      fc.property(header, fc.nat(), (text, size) => {
        const range = parseRange(text, size);
        if (typeof range !== 'object') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.start).toBeLessThan(range.end);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});

describe('parseContentRange', () => {
  it.each(['0-99', 'bytes 0-99', 'bytes 0-99/*', 'bytes 0-99/100', ' 0-99 ', '0-99/100'])(
    'reads %j',
    (header) => {
      expect(parseContentRange(header)).toEqual({ start: 0, end: 100 });
    },
  );

  it.each([
    '',
    '99',
    '-',
    '0-',
    '-99',
    '100-99',
    '0-99,100-199',
    'bytes=0-99',
    'bytes */100',
    'a-b',
    '-1-5',
    '0-9007199254740992',
    '1e3-2e3',
  ])('refuses %j', (header) => {
    expect(parseContentRange(header)).toBeUndefined();
  });

  it('reads back what is formatted', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 40 }), (start, length) => {
        const range = { start, end: start + length };
        expect(parseContentRange(formatContentRange(range, range.end))).toEqual(range);
      }),
    );
  });
});

describe('the formats', () => {
  it('are those of the specifications', () => {
    expect(formatContentRange({ start: 500, end: 1500 }, 2048)).toBe('bytes 500-1499/2048');
    expect(formatContentRange(undefined, 2048)).toBe('bytes */2048');
    expect(formatUploadRange(100)).toBe('0-99');
    expect(formatUploadRange(0)).toBe('0-0');
  });
});
