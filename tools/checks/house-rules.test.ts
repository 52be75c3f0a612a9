import { describe, expect, test } from 'vitest';
import { checkHouseRules } from './house-rules.ts';

const check = (text: string, path = 'libs/oci/src/digest.ts'): string[] => checkHouseRules({ path, text });
// put together here, so that this file does not break the rules it tests
const join = (...parts: string[]): string => parts.join('');

describe('checkHouseRules', () => {
  test('accepts a plain file', () => {
    expect(check('/** A digest. */\nexport type Digest = string;\n')).toEqual([]);
  });

  test.each([
    ['the host of a package registry', join('https://registry.', 'npmjs.', 'org/x')],
    ['a path of one machine', join('see /', 'work/main/tools')],
    ['a note without a number', join('// TO', 'DO later')],
    ['a conflict marker', join('<<<<', '<<< ours')],
  ])('refuses %s', (_, text) => {
    expect(check(text)).toHaveLength(1);
  });

  test('accepts a note with an issue number', () => {
    expect(check(join('// TO', 'DO(#12): later'))).toEqual([]);
  });

  test.each([
    'libs/oci/src/index.ts',
    'libs/oci/src/utils.ts',
    'libs/oci/src/tagList.ts',
    'apps/core/src/types.ts',
  ])('refuses the name %s', (path) => {
    expect(check('', path)).toHaveLength(1);
  });

  test.each([
    'libs/oci/src/tag-list.db.test.ts',
    'apps/core/src/tags.controller.ts',
    'libs/x/src/0001-create.ts',
  ])('accepts the name %s', (path) => {
    expect(check('', path)).toEqual([]);
  });

  test('refuses an export of a library without a doc comment', () => {
    expect(check('\nexport function parse(): void {}\n')).toEqual([
      'libs/oci/src/digest.ts:2 exports parse without a doc comment',
    ]);
    expect(check('export function parse(): void {}', 'apps/core/src/parse.ts')).toEqual([]);
  });

  test('finds the doc comment above decorators and of overloads', () => {
    expect(check("/** A user. */\n@Entity({ name: 'user' })\nexport class UserEntity {}\n")).toEqual([]);
    expect(check('/** Both. */\nexport const a = 1;\nexport const b = 1;\n')).toEqual([]);
    expect(check('/** Parses. */\nexport function p(a: 1): 1;\nexport function p(a: 2): 2;\n')).toEqual([]);
  });
});
