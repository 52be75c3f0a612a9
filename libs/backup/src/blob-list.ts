import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import { readCompressed } from './backup-files.ts';

/** A blob of a backup. `size` in bytes. */
export interface ListedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** Only a live one has to be there. */
  readonly state: 'live' | 'damaged' | 'quarantined';
}

/** Selects the lines of a list, sorted by digest. Blobs in other states have no bytes that anybody was promised. */
export const selectBlobs = `SELECT encode(digest, 'hex'), size, state FROM blob
  WHERE state IN ('live', 'damaged', 'quarantined') ORDER BY digest`;

/** The blobs of a list, in its order. */
export async function* readBlobList(path: string): AsyncGenerator<ListedBlob> {
  const text = readCompressed(path);
  try {
    for await (const line of splitLines(text)) yield readLine(line, path);
  } finally {
    text.destroy();
  }
}

async function* splitLines(text: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of text) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function readLine(line: string, path: string): ListedBlob {
  const match = /^((?:01[0-9a-f]{64})|(?:02[0-9a-f]{128}))\t(\d+)\t(live|damaged|quarantined)$/.exec(line);
  const [, bytes, size, state] = match ?? [];
  if (bytes === undefined) throw new AppError('PRECONDITION', `${path} is damaged: take another generation`);
  return {
    digest: digestFromBytes(Buffer.from(bytes, 'hex')),
    size: Number(size),
    state: state === 'damaged' || state === 'quarantined' ? state : 'live',
  };
}
