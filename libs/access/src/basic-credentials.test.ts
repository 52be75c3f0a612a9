import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBasicCredentials } from './basic-credentials.ts';

function header(text: string, scheme = 'Basic'): string {
  return `${scheme} ${Buffer.from(text).toString('base64')}`;
}

describe('parseBasicCredentials', () => {
  it('gives back every name without a colon and every secret', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes(':'));
    fc.assert(
      fc.property(name, fc.string({ unit: 'grapheme' }), (username, password) => {
        expect(parseBasicCredentials(header(`${username}:${password}`))).toEqual({ username, password });
      }),
    );
  });

  it('takes the scheme in any case', () => {
    expect(parseBasicCredentials(header('a:b', 'bAsIc'))).toEqual({ username: 'a', password: 'b' });
  });

  it.each([
    '',
    'Basic',
    'Basic ',
    header('without-colon'),
    header('nul\0:b'),
    'Bearer YTpi',
    'Basic a b',
    'Basic YTpi,x',
    'Basic YTpi!',
  ])('knows nothing of %j', (text) => {
    expect(parseBasicCredentials(text)).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseBasicCredentials(text)));
  });
});
