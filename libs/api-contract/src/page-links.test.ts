import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPageLinks } from './page-links.ts';

describe('formatPageLinks', () => {
  it('has the form that Harbor sends', () => {
    const url = '/api/v2.0/projects?sort=name&q=name%3D~x&page=2&page_size=2';
    expect(formatPageLinks(url, { page: 2, pageSize: 2, total: 5 })).toBe(
      '</api/v2.0/projects?page=1&page_size=2&q=name=~x&sort=name>; rel="prev" , ' +
        '</api/v2.0/projects?page=3&page_size=2&q=name=~x&sort=name>; rel="next"',
    );
  });

  it('keeps the path as it was asked for', () => {
    expect(formatPageLinks('/api/v2.0/quotas/', { page: 1, pageSize: 10, total: 11 })).toBe(
      '</api/v2.0/quotas/?page=2&page_size=10>; rel="next"',
    );
  });

  it('is absent when one page holds all', () => {
    expect(formatPageLinks('/x', { page: 1, pageSize: 10, total: 10 })).toBeUndefined();
    expect(formatPageLinks('/x', { page: 1, pageSize: undefined, total: 99 })).toBeUndefined();
  });

  it('ends for whoever follows it, and never offers an empty next page', () => {
    const size = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(size, fc.integer({ min: 0, max: 500 }), (pageSize, total) => {
        let url = `/x?page_size=${pageSize}`;
        let pages = 1;
        for (let page = 1; ; page++) {
          const next = /<([^>]*)>; rel="next"/.exec(
            formatPageLinks(url, { page, pageSize, total }) ?? '',
          )?.[1];
          if (next === undefined) break;
          url = next;
          pages++;
        }
        expect(pages).toBe(Math.max(1, Math.ceil(total / pageSize)));
      }),
    );
  });

  it('carries every parameter to the next page unchanged', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const url = `/x?${new URLSearchParams({ q: value }).toString()}`;
        const link = formatPageLinks(url, { page: 1, pageSize: 1, total: 2 }) ?? '';
        const next = /^<([^>]*)>/.exec(link)?.[1] ?? '';
        expect(new URLSearchParams(next.slice(next.indexOf('?'))).get('q')).toBe(
          new URLSearchParams(url.slice(2)).get('q'),
        );
      }),
    );
  });
});
