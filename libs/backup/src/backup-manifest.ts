import { readFile } from 'node:fs/promises';
import { AppError } from '@entrepot/errors/app-error';
import { z } from 'zod';
import { translateFileError, writeWhole } from './backup-files.ts';

const file = z.object({
  /** Below the generation. */
  path: z.string().regex(/^(?:tables\/)?[\w%-][\w%.~!*'()-]*$/),
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const table = z.object({
  name: z.string(),
  /** In the order of the file's fields. */
  columns: z.array(z.string()),
  rows: z.int().nonnegative(),
  file,
});

const grammar = z.object({
  format: z.literal(1),
  /** The version of the product that wrote it. */
  product: z.string(),
  createdAt: z.iso.datetime(),
  instance: z.uuid(),
  epoch: z.int().positive(),
  /** Of the PostgreSQL that it came from. */
  server: z.string(),
  migrations: z.array(z.string()),
  secretKey: z.object({
    /** Tells whether a key is the one that opens the secrets of this backup. */
    check: z.string(),
    /** Where the key is; not there when the setting gave it. */
    file: file.optional(),
  }),
  tables: z.array(table),
  partitions: z.array(
    z.object({
      name: z.string(),
      table: z.string(),
      bound: z.string().regex(/^FOR VALUES FROM \('[^']*'\) TO \('[^']*'\)$/),
    }),
  ),
  sequences: z.array(z.object({ name: z.string(), value: z.int() })),
  /** The blobs that it has; not there when it was made without. */
  blobs: z
    .object({
      list: file,
      count: z.int().nonnegative(),
      bytes: z.int().nonnegative(),
      /** Of live blobs that were not in the storage, or of another size. */
      missing: z.int().nonnegative(),
    })
    .optional(),
});

/** What a generation of a backup consists of. It is written last: a generation without one is not complete. */
export type BackupManifest = z.infer<typeof grammar>;

/** A table of a backup. */
export type SavedTable = z.infer<typeof table>;

/** A file of a generation, with what tells whether it is whole. */
export type SavedFile = z.infer<typeof file>;

/** Name of the manifest's file. */
export const manifestName = 'manifest.json';

/** Reads a manifest. Throws `PRECONDITION` when it is none that this version can read. */
export async function readManifest(path: string): Promise<BackupManifest> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw translateFileError(error, 'read', path);
  });
  const parsed = grammar.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new AppError(
    'PRECONDITION',
    `${path} is damaged, or was written by a newer version of Entrepot: take another generation`,
  );
}

/** Writes a manifest, whole and durable. */
export async function writeManifest(path: string, manifest: BackupManifest): Promise<void> {
  await writeWhole(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Every file that a manifest names. */
export function listFiles({ tables, secretKey, blobs }: BackupManifest): readonly SavedFile[] {
  const others = [secretKey.file, blobs?.list].filter((each) => each !== undefined);
  return [...tables.map((each) => each.file), ...others];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
