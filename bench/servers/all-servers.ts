import { rmSync } from 'node:fs';
import { makeDataFolder } from './data-folder.ts';
import { Distribution, isInstalled, releases } from './distribution.ts';
import { Entrepot } from './entrepot.ts';
import type { Server } from './server.ts';
import { TokenAuthority } from './token-authority.ts';

/** The servers of a run, on fresh data. */
export interface AllServers {
  /** Where they keep their data. */
  readonly folder: string;
  readonly entrepot: Entrepot;
  readonly peers: readonly Server[];
  /** Programs that this machine lacks. */
  readonly missing: readonly string[];
  /** Stops them and removes their data. */
  stop(): Promise<void>;
}

/** Starts every registry that is installed. */
export async function startAll(flags: readonly string[]): Promise<AllServers> {
  const folder = makeDataFolder();
  const running: Server[] = [];
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const entrepot = await Entrepot.start(`${folder}/entrepot`, flags);
    running.push(entrepot);
    const authority = new TokenAuthority(`${folder}/tokens`);
    for (const release of releases.filter(isInstalled)) {
      running.push(await Distribution.start(release, `${folder}/${release.name}`, authority));
    }
    const missing = releases.filter((release) => !isInstalled(release));
    return {
      folder,
      entrepot,
      peers: running.slice(1),
      missing: missing.map(({ program }) => program),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
