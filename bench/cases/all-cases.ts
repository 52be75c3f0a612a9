import { blobPushes, blobReads } from './blobs.ts';
import type { Case } from './case.ts';
import { craneImage } from './crane-image.ts';
import { manifestPushes } from './manifest-pushes.ts';
import { manifestReads } from './manifest-reads.ts';
import { manyTags } from './many-tags.ts';

/** Every comparison, in the order of the report. */
export const allCases: readonly Case[] = [
  ...manifestReads,
  ...blobReads,
  ...blobPushes,
  ...manifestPushes,
  ...manyTags,
  ...craneImage,
];
