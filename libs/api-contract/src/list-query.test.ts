import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '@entrepot/errors/app-error';
import { listKey, parseListQuery, type Match } from './list-query.ts';

function match(q: string): Match | undefined {
  return parseListQuery({ q }).terms[0]?.match;
}

describe('q', () => {
  it.each([
    ['name=web', { kind: 'exact', value: 'web' }],
    ['name=~web', { kind: 'fuzzy', value: 'web' }],
    ['name=[1~9]', { kind: 'range', min: '1', max: '9' }],
    ['name=[~9]', { kind: 'range', min: undefined, max: '9' }],
    ["name=['2026-01-02T03:04:05'~]", { kind: 'range', min: '2026-01-02T03:04:05', max: undefined }],
    ['name={a "b" c}', { kind: 'any', values: ['a', 'b', 'c'] }],
    ['name=(1 2)', { kind: 'all', values: ['1', '2'] }],
    [String.raw`name=\~web`, { kind: 'exact', value: '~web' }],
    ['name__icontains=web', { kind: 'fuzzy', value: 'web' }],
    ['name__in={a b}', { kind: 'any', values: ['a', 'b'] }],
    ['name__gte=3', { kind: 'range', min: '3', max: undefined }],
    ['name=a=b', { kind: 'exact', value: 'a=b' }],
  ])('%s', (q, expected) => {
    expect(match(q)).toEqual(expected);
  });

  it('is read when it comes encoded a second time, as from harbor-cli', () => {
    expect(parseListQuery({ q: 'Level%3Dproject%2CProjectID%3D39' })).toEqual(
      parseListQuery({ q: 'Level=project,ProjectID=39' }),
    );
  });

  it('spells keys alike whether they come as members or as columns', () => {
    expect(listKey('ProjectID')).toBe(listKey('project_id'));
    expect(parseListQuery({ q: 'creation_time=1' }).terms[0]?.key).toBe('creationtime');
  });

  it.each([
    'name',
    '=x',
    'name=',
    'a=b,',
    ',',
    'name=[1~2',
    'name=[1]',
    'name=[1~2~3]',
    'name={a',
    'name=(a',
    'name=a\0',
    'name=%00',
  ])('refuses %j as a bad request', (q) => {
    expect(() => parseListQuery({ q })).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  it('gives back every exact and fuzzy value, encoded once or twice', () => {
    const word = fc.stringMatching(/^[a-z0-9 +/.:;&?@_-]{1,20}$/).filter((text) => text.trim() !== '');
    fc.assert(
      fc.property(word, fc.boolean(), fc.boolean(), (value, fuzzy, twice) => {
        const q = `name=${fuzzy ? '~' : ''}${value}`;
        const expected = { kind: fuzzy ? 'fuzzy' : 'exact', value };
        expect(match(twice ? encodeURIComponent(q) : q)).toEqual(expected);
      }),
    );
  });

  it('gives back lists and ranges', () => {
    const word = fc.stringMatching(/^[a-z0-9.:-]{1,10}$/);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), word, word, (values, min, max) => {
        expect(match(`k={${values.join(' ')}}`)).toEqual({ kind: 'any', values });
        expect(match(`k=(${values.join('  ')})`)).toEqual({ kind: 'all', values });
        expect(match(`k=[${min}~${max}]`)).toEqual({ kind: 'range', min, max });
      }),
    );
  });

  it('is either read or refused as a bad request, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (q, sort) => {
        try {
          for (const term of parseListQuery({ q, sort }).terms) expect(term.key).not.toBe('');
        } catch (error) {
          expect(isAppError(error, 'BAD_REQUEST')).toBe(true);
        }
      }),
    );
  });
});

describe('sort and page', () => {
  it('keeps the order of keys and their direction, and skips empty ones', () => {
    expect(parseListQuery({ sort: 'name,-creation_time,,-' }).sort).toEqual([
      { key: 'name', descending: false },
      { key: 'creationtime', descending: true },
    ]);
  });

  it.each([
    [{}, 1, 10],
    [{ page: 3, page_size: 100 }, 3, 100],
    [{ page: 0, page_size: 0 }, 1, undefined],
    [{ page: -1, page_size: -1 }, 1, undefined],
  ])('%j is page %s of %s', (raw, page, pageSize) => {
    expect(parseListQuery(raw)).toMatchObject({ page, pageSize });
  });
});
