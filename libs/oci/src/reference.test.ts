import { describe, expect, it } from 'vitest';
import { formatReference, parseReference } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  it('reads a digest as a digest and a tag as a tag, never both', () => {
    expect(parseReference(digest)).toEqual({ digest });
    expect(parseReference('latest')).toEqual({ tag: 'latest' });
    expect(parseReference(`sha256-${'a'.repeat(64)}`)).toEqual({ tag: `sha256-${'a'.repeat(64)}` });
  });

  it.each(['', 'sha256:abc', 'md5:abc', `latest@${digest}`, 'a/b', '-x', `${digest}0`])(
    'refuses %j',
    (text) => {
      expect(parseReference(text)).toBeUndefined();
    },
  );

  it.each([digest, 'latest'])('gives %s back', (text) => {
    const reference = parseReference(text);
    expect(reference && formatReference(reference)).toBe(text);
  });
});
