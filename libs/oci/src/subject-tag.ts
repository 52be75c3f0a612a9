import { digestAlgorithm, digestHex, makeDigest, type Digest } from './digest.ts';
import { parseTag, type Tag } from './tag.ts';

/** What the suffix of a tag that names a subject stands for; `referrers` is the tag without suffix. */
export type SubjectTagRole = 'signature' | 'attestation' | 'sbom' | 'referrers';

/** A tag that names the manifest it speaks of. */
export interface SubjectTag {
  readonly subject: Digest;
  readonly role: SubjectTagRole;
}

// Of sha256 alone: a tag has no room for the hex of a sha512, so what names one cannot be read back.
const pattern = /^sha256-([0-9a-f]{64})(?:\.(sig|att|sbom))?$/;
const roles: Readonly<Record<string, SubjectTagRole>> = {
  sig: 'signature',
  att: 'attestation',
  sbom: 'sbom',
};

/**
 * Reads the tags by which clients link manifests to a subject without the referrers API: cosign's
 * `sha256-<hex>.sig`, `.att`, `.sbom`, and `sha256-<hex>`, the referrers tag schema of distribution-spec
 * (§ Referrers Tag Schema). Any other tag is undefined.
 */
export function parseSubjectTag(tag: string): SubjectTag | undefined {
  const match = pattern.exec(tag);
  if (match === null) return undefined;
  const subject = makeDigest('sha256', match[1] ?? '');
  return subject && { subject, role: roles[match[2] ?? ''] ?? 'referrers' };
}

/**
 * The tag of the referrers tag schema for a subject (distribution-spec § Referrers Tag Schema): its algorithm and the
 * first 64 characters of its hex.
 */
export function referrersTag(subject: Digest): Tag {
  const tag = parseTag(`${digestAlgorithm(subject)}-${digestHex(subject).slice(0, 64)}`);
  if (tag === undefined) throw new TypeError(`no tag can be made of ${subject}`);
  return tag;
}
