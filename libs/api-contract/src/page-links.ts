/** Where a page stands in its list. */
export interface PagePosition {
  readonly page: number;
  /** Undefined when the page is the whole list. */
  readonly pageSize: number | undefined;
  readonly total: number;
}

/**
 * The `Link` header of a page in Harbor's form: `prev` before `next`, joined by ` , `, the path as it was asked
 * for (its trailing slash too), the query in order of its names. Undefined when the page holds all.
 */
export function formatPageLinks(url: string, position: PagePosition): string | undefined {
  const { page, pageSize, total } = position;
  if (pageSize === undefined) return undefined;
  const links: string[] = [];
  if (page > 1 && (page - 1) * pageSize <= total)
    links.push(`<${pageUrl(url, page - 1, pageSize)}>; rel="prev"`);
  if (page * pageSize < total) links.push(`<${pageUrl(url, page + 1, pageSize)}>; rel="next"`);
  return links.length === 0 ? undefined : links.join(' , ');
}

function pageUrl(url: string, page: number, pageSize: number): string {
  const mark = url.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  query.set('page', String(page));
  query.set('page_size', String(pageSize));
  query.sort();
  const members = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return `${mark < 0 ? url : url.slice(0, mark)}?${members.join('&')}`;
}

// what `q` is made of stays readable, as in Harbor's links; none of it ends a value
function encode(text: string): string {
  return encodeURIComponent(text).replace(/%(?:3D|2C|7E|5B|5D|7B|7D)/g, decodeURIComponent);
}
