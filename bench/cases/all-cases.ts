import { blobPushes, blobReads } from './blobs.ts';
import type { Case } from './case.ts';
import { craneImage } from './crane-image.ts';
import type { FigureCase } from './figure.ts';
import { manifestPushes } from './manifest-pushes.ts';
import { manifestReads } from './manifest-reads.ts';
import { manyTags } from './many-tags.ts';
import { memory } from './memory.ts';
import { start } from './start.ts';

/** Every comparison, in the order of the report. */
export const allCases: readonly Case[] = [
  ...manifestReads,
  ...blobReads,
  ...blobPushes,
  ...manifestPushes,
  ...manyTags,
  ...craneImage,
];

/** What is measured apart from the comparisons. */
export const allFigures: readonly FigureCase[] = [start, memory];
