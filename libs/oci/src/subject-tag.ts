import { makeDigest, type Digest, type DigestAlgorithm } from './digest.ts';
import { parseTag, type Tag } from './tag.ts';

/** What the suffix of a tag that names a subject stands for; `referrers` is the tag without suffix. */
export type SubjectTagRole = 'signature' | 'attestation' | 'sbom' | 'referrers';

/** A tag that names the manifest it speaks of. */
export interface SubjectTag {
  readonly subject: Digest;
  readonly role: SubjectTagRole;
}

const pattern = /^(sha256|sha512)-([0-9a-f]{64,128})(?:\.(sig|att|sbom))?$/;
const roles: Readonly<Record<string, SubjectTagRole>> = {
  sig: 'signature',
  att: 'attestation',
  sbom: 'sbom',
};

// A tag holds 128 characters, so the tag of a sha512 subject carries a prefix of its hex: it cannot be read back.

/**
 * Reads the tags by which clients link manifests to a subject without the referrers API: cosign's
 * `sha256-<hex>.sig`, `.att`, `.sbom`, and `sha256-<hex>`, the referrers tag schema of distribution-spec
 * (§ Referrers Tag Schema). Any other tag is undefined.
 */
export function parseSubjectTag(tag: string): SubjectTag | undefined {
  const match = pattern.exec(tag);
  if (match === null) return undefined;
  const subject = makeDigest(match[1] as DigestAlgorithm, match[2] ?? '');
  return subject && { subject, role: roles[match[3] ?? ''] ?? 'referrers' };
}

/** The tag of the referrers tag schema for a subject (distribution-spec § Referrers Tag Schema): 128 characters. */
export function referrersTag(subject: Digest): Tag {
  const tag = parseTag(subject.replace(':', '-').slice(0, 128));
  if (tag === undefined) throw new TypeError(`no tag can be made of ${subject}`);
  return tag;
}
