import * as artifacts from './artifacts.ts';
import * as collection from './collection.ts';
import * as members from './members.ts';
import { isOperation, type Operation } from './operation.ts';
import * as permissions from './permissions.ts';
import * as projectMetadata from './project-metadata.ts';
import * as projects from './projects.ts';
import * as recycleBin from './recycle-bin.ts';
import * as repositories from './repositories.ts';
import * as robots from './robots.ts';
import * as system from './system.ts';
import * as tags from './tags.ts';
import * as users from './users.ts';

const resources: readonly object[] = [
  projects,
  projectMetadata,
  members,
  users,
  robots,
  repositories,
  artifacts,
  tags,
  recycleBin,
  permissions,
  system,
  collection,
];

/** Every operation of the REST API, in the order of the resources above. A new resource is one more line there. */
export const operations: readonly Operation[] = resources.flatMap((each) =>
  Object.values(each).filter(isOperation),
);
