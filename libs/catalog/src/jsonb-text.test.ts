import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toJsonbText } from './jsonb-text.ts';

describe('toJsonbText', () => {
  it('replaces what jsonb cannot hold, in values and names', () => {
    const text = toJsonbText({ 'a\0': ['\0', 'x\ud800y', '\udc00'] });
    expect(JSON.parse(text)).toEqual({ 'a\ufffd': ['\ufffd', 'x\ufffdy', '\ufffd'] });
  });

  it('leaves alone what only looks like it', () => {
    const value = { text: String.raw`\u0000 \\ud800 \ud800`, emoji: '😀', line: '\n\u0001' };
    expect(JSON.parse(toJsonbText(value))).toEqual(value);
  });

  it('changes nothing but those characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const expected = text.toWellFormed().replaceAll('\0', '\ufffd');
        expect(JSON.parse(toJsonbText([text]))).toEqual([expected]);
      }),
    );
  });
});
