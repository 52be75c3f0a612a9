import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the end-to-end suites drive or need beside Node. `.ci/install-tools` gets all of them. */
const programs = [
  'docker',
  'dockerd',
  'containerd',
  'ctr',
  'podman',
  'buildah',
  'skopeo',
  'crane',
  'oras',
  'regctl',
  'helm',
  'cosign',
  'oci-conformance',
  'debootstrap',
  'strace',
  'nginx',
  'pgbouncer',
  'redis-server',
  'versitygw',
  'radosgw',
  'ceph-mon',
  'ceph-osd',
] as const;

/** Those of the programs that are in none of the folders of `path`. */
export function listMissingPrograms(path: string): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return programs.filter((program) => !folders.some((folder) => isExecutable(join(folder, program))));
}

/** Whether there is a PostgreSQL of the distribution, an older one than ours, to run the tests of the database on. */
export function hasOlderPostgres(): boolean {
  return existsSync('/usr/lib/postgresql') && readdirSync('/usr/lib/postgresql').length > 0;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
