import { LinkMirror } from '@entrepot/mirror/link-mirror';
import { markAll } from '@entrepot/mirror/marks';
import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { withContent } from './with-content.ts';

/** Writes the files by which distribution serves the storage, all of them; removes those that stand for nothing. */
export async function exportLinksCommand(config: Config): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted: run it again, it goes on where it was')));
  const { place, count } = await withContent(config, output, async ({ database, store, place: where }) => {
    await markAll(database);
    return { place: where, count: await new LinkMirror({ database, store }).run(stop.signal) };
  });
  output.say(`${count} repositories and changes of them are written to ${place}.\n`);
  return 0;
}
