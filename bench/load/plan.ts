/** A repository and the token for it. */
export interface Repository {
  readonly name: string;
  readonly token: string;
}

/** Content as manifests describe it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What every plan says: where, by how many connections, and until when. */
interface Common {
  readonly port: number;
  readonly connections: number;
  /** Stop after so many seconds; what has begun is finished. */
  readonly seconds?: number;
  /** Stop after so many operations. */
  readonly operations?: number;
}

/** One thing to ask for, and the answer that must come. */
export interface Target {
  readonly path: string;
  /** Index in the plan's `tokens`. */
  readonly token: number;
  readonly method: 'GET' | 'HEAD';
  /** Bytes that Content-Length must say; unset where it depends on the server. */
  readonly length?: number;
}

/** Requests for targets picked at random. */
export interface ReadPlan extends Common {
  readonly kind: 'read';
  readonly tokens: readonly string[];
  readonly targets: readonly Target[];
}

/** POST and PUT of random blobs, each different from all others; operation i goes to repository i modulo their number. */
export interface BlobPushPlan extends Common {
  readonly kind: 'push-blobs';
  readonly repositories: readonly Repository[];
  /** Bytes of each blob. */
  readonly size: number;
}

/** A repository and blobs that lie in it. */
export interface Image extends Repository {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** PUT of manifests, each different from all others; operation i goes to image i modulo their number. */
export interface ManifestPushPlan extends Common {
  readonly kind: 'push-manifests';
  readonly images: readonly Image[];
  /** Tags are this and the number of the operation. */
  readonly tagPrefix: string;
  /** After so many operations the tags come again; without it each operation makes a new one. */
  readonly tags?: number;
}

/** What the load process can be asked to do. */
export type Plan = ReadPlan | BlobPushPlan | ManifestPushPlan;

/** One thing pushed. */
export interface Pushed {
  readonly repository: string;
  readonly digest: string;
  readonly size: number;
  /** Empty for a blob. */
  readonly tag: string;
}

/** How it went; times in seconds. */
export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly pushed: readonly Pushed[];
}

/** Media types of what the bench pushes. */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;
