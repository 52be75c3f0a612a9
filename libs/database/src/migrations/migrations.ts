import { createPeople } from './0001-create-people.ts';
import { createContent } from './0002-create-content.ts';
import { createReviews } from './0003-create-reviews.ts';
import { createWork } from './0004-create-work.ts';
import { createBlobFunctions } from './0005-create-blob-functions.ts';
import { createManifestFunctions } from './0006-create-manifest-functions.ts';
import { createCollection } from './0007-create-collection.ts';
import { createMirror } from './0009-create-mirror.ts';
import { holdCollection } from './0010-hold-collection.ts';
import { createCronSchedules } from './0011-create-cron-schedules.ts';

/** One step of the schema. Forward only: what a step added, a later one may replace after a release between. */
export interface Migration {
  /** Sorts after every earlier one, never changes once released. */
  readonly name: string;
  readonly sql: string;
  /**
   * Takes away what the release before still uses: processes that do not know this step refuse to start on it. All
   * other steps leave them running, so that processes of two releases work side by side.
   */
  readonly endsOlder?: true;
}

/** Every step, in order. */
export const migrations: readonly Migration[] = [
  { name: '0001-create-people', sql: createPeople },
  { name: '0002-create-content', sql: createContent },
  { name: '0003-create-reviews', sql: createReviews },
  { name: '0004-create-work', sql: createWork },
  { name: '0005-create-blob-functions', sql: createBlobFunctions },
  { name: '0006-create-manifest-functions', sql: createManifestFunctions },
  { name: '0007-create-collection', sql: createCollection },
  { name: '0009-create-mirror', sql: createMirror },
  { name: '0010-hold-collection', sql: holdCollection },
  { name: '0011-create-cron-schedules', sql: createCronSchedules },
];
