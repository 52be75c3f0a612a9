import { z } from 'zod';
import { digestColumn } from './digest-column.ts';

const inRepository = {
  repositoryId: z.int(),
  projectId: z.int(),
  /** The whole name of the repository, with the project's. */
  repository: z.string(),
  /** Who did it: a user's or robot's name, empty for an anonymous caller. */
  actor: z.string(),
};

// the request, in the terms of distribution's notification format
const request = z.object({
  id: z.string().optional(),
  actorKind: z.string().optional(),
  address: z.string().optional(),
  userAgent: z.string().optional(),
  method: z.string().optional(),
  host: z.string().optional(),
});

/** What happens to the content of repositories. The key is the repository's id. */
export const contentFacts = {
  'manifest.pushed': {
    version: 1,
    summary: 'A manifest was pushed, or pushed again.',
    payload: z.object({
      ...inRepository,
      digest: digestColumn,
      mediaType: z.string(),
      /** Of the manifest itself, in bytes. */
      size: z.int(),
      /** The tags that this push set. */
      tags: z.array(z.string()),
      request: request.nullish(),
    }),
  },
  'manifest.deleted': {
    version: 1,
    summary: 'A manifest was deleted; its tags went with it.',
    payload: z.object({
      ...inRepository,
      digest: digestColumn,
      mediaType: z.string(),
      size: z.int(),
      /** The tags that went with it. */
      tags: z.array(z.string()).optional(),
    }),
  },
  'tag.moved': {
    version: 1,
    summary: 'A tag points to another manifest, or is new.',
    payload: z.object({
      ...inRepository,
      tag: z.string(),
      /** Where it pointed before; null when the tag is new. */
      from: digestColumn.nullish(),
      to: digestColumn,
    }),
  },
  'tag.deleted': {
    version: 1,
    summary: 'A tag was deleted, not what it pointed to.',
    payload: z.object({ ...inRepository, tag: z.string(), from: digestColumn }),
  },
  'repository.created': {
    version: 1,
    summary: 'A repository came to be.',
    payload: z.object(inRepository),
  },
  'repository.deleted': {
    version: 1,
    summary: 'A repository was deleted: its name is free, its content is removed in the background.',
    payload: z.object(inRepository),
  },
};
