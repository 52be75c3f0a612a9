import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SecretBox } from './secret-box.ts';

const box = new SecretBox('0123456789abcdef0123456789abcdef');
const other = new SecretBox('0123456789abcdef0123456789abcdeF');

describe('SecretBox', () => {
  it('opens what it sealed, and never seals twice alike', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const sealed = box.seal('setting', text);
        return box.open('setting', sealed) === text && sealed !== box.seal('setting', text);
      }),
    );
  });

  it('does not open with another key, nor for another purpose, nor what was changed', () => {
    const sealed = box.seal('signing-key', 'secret');
    expect(() => other.open('signing-key', sealed)).toThrow(/ENTREPOT_SECRET_KEY/);
    expect(() => box.open('setting', sealed)).toThrow();
    for (let index = 3; index < sealed.length; index++) {
      const changed = sealed.slice(0, index) + (sealed[index] === 'A' ? 'B' : 'A') + sealed.slice(index + 1);
      expect(() => box.open('signing-key', changed.slice(0, -1))).toThrow();
    }
    for (const bad of ['', 'v1.', 'v1.AAAA', 'plain', sealed.slice(3)]) {
      expect(() => box.open('signing-key', bad)).toThrow();
    }
  });

  it('has a check value that tells keys apart', () => {
    expect(box.checkValue()).toBe(new SecretBox('0123456789abcdef0123456789abcdef').checkValue());
    expect(box.checkValue()).not.toBe(other.checkValue());
  });

  it('refuses a short key', () => {
    expect(() => new SecretBox('short')).toThrow(/32 characters/);
  });
});
