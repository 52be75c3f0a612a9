import { rmSync } from 'node:fs';
import { LoadProcess } from '../load/load-process.ts';
import { makeDataFolder } from '../servers/data-folder.ts';
import { Entrepot } from '../servers/entrepot.ts';
import type { Figure, FigureCase } from './figure.ts';

const mebibyte = 1024 ** 2;
const limit = 300;
const many = { connections: 200, operations: 1000, size: 8 * mebibyte };

/** Uploads whose memory is watched: so many at once, and how many in all. */
interface Uploads {
  readonly connections: number;
  readonly operations: number;
  /** Bytes of each. */
  readonly size: number;
}

/** What the node process holds at most while it takes uploads, each figure from a start of its own. */
export const memory: FigureCase = {
  id: 'memory',
  isQuick: true,
  measure: async ({ huge }) => [
    await measurePeak('memory-uploads', 'peak memory, 200 uploads of 8 MiB at once', many),
    await measurePeak('memory-huge-upload', `peak memory, one upload of ${huge / 1e9} GB`, {
      connections: 1,
      operations: 1,
      size: huge,
    }),
  ],
};

async function measurePeak(id: string, title: string, uploads: Uploads): Promise<Figure> {
  const folder = makeDataFolder();
  const load = new LoadProcess();
  const interrupt = () => load.stop();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const bytes = await peakOf(folder, load, uploads);
    return { id, title, value: bytes / 1e6, unit: 'MB', atMost: limit };
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    load.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function peakOf(folder: string, load: LoadProcess, uploads: Uploads): Promise<number> {
  const entrepot = await Entrepot.start(`${folder}/entrepot`);
  try {
    const repositories = [{ name: 'bench/memory', token: await entrepot.token('bench/memory') }];
    await load.run({ kind: 'push-blobs', port: entrepot.port, repositories, ...uploads });
    return entrepot.peakMemory();
  } finally {
    await entrepot.stop();
  }
}
