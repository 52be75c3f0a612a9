import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBearerChallenge, formatScope, parseScopes, type Scope } from './scope.ts';

describe('parseScopes', () => {
  it.each<[string, Scope]>([
    ['repository:a/b:pull', { type: 'repository', class: undefined, name: 'a/b', actions: ['pull'] }],
    [
      'repository:a:pull,push',
      { type: 'repository', class: undefined, name: 'a', actions: ['pull', 'push'] },
    ],
    [
      'repository:h:5000/a:pull',
      { type: 'repository', class: undefined, name: 'h:5000/a', actions: ['pull'] },
    ],
    ['repository(plugin):a:*', { type: 'repository', class: 'plugin', name: 'a', actions: ['*'] }],
    ['registry:catalog:*', { type: 'registry', class: undefined, name: 'catalog', actions: ['*'] }],
    ['unheardof:x:y', { type: 'unheardof', class: undefined, name: 'x', actions: ['y'] }],
    ['repository:a:', { type: 'repository', class: undefined, name: 'a', actions: [] }],
    ['repository:a:pull,pull,,', { type: 'repository', class: undefined, name: 'a', actions: ['pull'] }],
  ])('reads %s', (text, scope) => {
    expect(parseScopes([text])).toEqual([scope]);
  });

  it('reads several in one parameter and in several, in order', () => {
    const scopes = parseScopes(['repository:a:pull repository:b:push', 'repository:c:delete']);
    expect(scopes.map((scope) => scope.name)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    '',
    ' ',
    'repository',
    'repository:a',
    ':a:pull',
    'repository::pull',
    'Repo:a:pull',
    'repository(:a:pull',
    'a b c',
  ])('leaves out %j and keeps its neighbours', (text) => {
    expect(parseScopes([text])).toEqual([]);
    expect(parseScopes([`${text} repository:a:pull`])).toHaveLength(1);
  });

  it('reads back what is formatted', () => {
    const word = fc.string({ unit: fc.constantFrom(...'ab09'.split('')), minLength: 1, maxLength: 6 });
    const scope = fc.record({
      type: word,
      class: fc.option(word, { nil: undefined }),
      name: fc.string({ unit: fc.constantFrom(...'ab/:.-'.split('')), minLength: 1 }),
      actions: fc.uniqueArray(word),
    });
    fc.assert(
      fc.property(fc.array(scope), (scopes) => {
        expect(parseScopes([scopes.map(formatScope).join(' ')])).toEqual(scopes);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary-ascii' })), (values) =>
        Array.isArray(parseScopes(values)),
      ),
    );
  });
});

describe('formatBearerChallenge', () => {
  const realm = 'http://127.0.0.1:8080/service/token';

  it('names realm, service, every scope and the error', () => {
    const scope = parseScopes(['repository:a:pull,push repository:b:pull']);
    expect(formatBearerChallenge({ realm, service: 'entrepot', scope, error: 'invalid_token' })).toBe(
      `Bearer realm="${realm}",service="entrepot",scope="repository:a:pull,push repository:b:pull",error="invalid_token"`,
    );
  });

  it('leaves out what there is not', () => {
    expect(formatBearerChallenge({ realm, service: 's', scope: [] })).toBe(
      `Bearer realm="${realm}",service="s"`,
    );
  });

  it('cannot be broken out of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        const header = formatBearerChallenge({ realm, service: text === '' ? 's' : text });
        expect(header).toMatch(/^Bearer realm="[^"]*",service="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
      }),
    );
  });
});
