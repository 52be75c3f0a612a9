import { z } from 'zod';

const project = {
  projectId: z.int(),
  project: z.string(),
  /** Who did it: a user's or robot's name. */
  actor: z.string(),
};

/** What happens to projects. The key is `project:<id>`. */
export const projectFacts = {
  'project.created': {
    version: 1,
    summary: 'A project was created.',
    payload: z.object({ ...project, public: z.boolean() }),
  },
  'project.updated': {
    version: 1,
    summary: 'Settings of a project changed.',
    payload: z.object({ ...project, changed: z.array(z.string()) }),
  },
  'project.deleted': {
    version: 1,
    summary: 'A project was deleted: its name is free, what is left of it is removed in the background.',
    payload: z.object(project),
  },
};
