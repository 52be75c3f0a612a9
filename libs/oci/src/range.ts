/** A range of bytes: from `start` up to and not including `end`; `end - start` bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const rangePattern = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;
const contentRangePattern = /^(?:bytes[ \t]+)?(\d{1,16})-(\d{1,16})(?:\/(?:\*|\d{1,16}))?$/i;

/**
 * Reads a Range header for content of `size` bytes (RFC 9110 § 14.1.2, § 14.2). Undefined means: ignore the header and
 * send everything (absent, malformed, another unit, several ranges); `unsatisfiable` is a 416. So is a range that ends
 * before it starts, which RFC 9110 calls invalid and the conformance program expects to be refused.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = header === undefined ? null : rangePattern.exec(header);
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? undefined : suffixRange(Number(last), size);
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  return start >= end ? 'unsatisfiable' : { start, end };
}

// A suffix of empty content is satisfiable, but no Content-Range can say so: send everything.
function suffixRange(length: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0) return 'unsatisfiable';
  return size === 0 ? undefined : { start: Math.max(size - length, 0), end: size };
}

/**
 * Reads the Content-Range of an upload's chunk (distribution-spec § Pushing a blob in chunks): `0-99`, where the last
 * position is included, and also `bytes 0-99/*`. The result's `end` is *not* included (100), as in all of
 * {@link ByteRange}. Undefined when malformed.
 */
export function parseContentRange(header: string): ByteRange | undefined {
  const match = contentRangePattern.exec(header.trim());
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  return start < end && Number.isSafeInteger(end) ? { start, end } : undefined;
}

/** The Content-Range header (RFC 9110 § 14.4): of a 206 `bytes 0-99/1000`; of a 416, without a range, no positions. */
export function formatContentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.start}-${range.end - 1}/${size}`;
}

/**
 * The Range header that tells where an upload of `size` bytes stands (distribution-spec § Pushing a blob in chunks):
 * `0-99` for 100 bytes. Nothing received is `0-0`, as clients expect, though it reads like one byte.
 */
export function formatUploadRange(size: number): string {
  return `0-${Math.max(size - 1, 0)}`;
}
