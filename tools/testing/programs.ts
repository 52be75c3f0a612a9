import { accessSync, constants } from 'node:fs';
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
] as const;

/** Those of the programs that are in none of the folders of `path`. */
export function listMissingPrograms(path: string): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return programs.filter((program) => !folders.some((folder) => isExecutable(join(folder, program))));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
