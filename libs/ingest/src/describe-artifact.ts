import type { ContentStore } from '@entrepot/content-store/content-store';
import { manifestLimits, type Manifest } from '@entrepot/oci/manifest';

const largestConfig = 512 * 1024;
const largestFacts = 64 * 1024;
const imageConfigs = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.wasm.config.v1+json',
]);
const empty = 'application/vnd.oci.empty.v1+json';

/**
 * What people want to see of an artifact and only its config says: platform, creation time, author and labels of
 * an image; the whole config of a chart and of other kinds. `undefined` when there is no config to read, or it is
 * not JSON, or too large, itself (512 KiB) or what it says (64 KiB): facts are for display, a push never fails for
 * them.
 */
export async function describeArtifact(
  store: ContentStore,
  manifest: Manifest,
): Promise<Record<string, unknown> | undefined> {
  const { config } = manifest;
  if (config === undefined || config.mediaType === empty || !/json/.test(config.mediaType)) return undefined;
  if (config.size > largestConfig) return undefined;
  const bytes = await store.readWhole(config.digest, largestConfig);
  const parsed = bytes === undefined ? undefined : parseObject(bytes);
  if (parsed === undefined) return undefined;
  const facts = imageConfigs.has(config.mediaType) ? imageFacts(parsed) : parsed;
  return Buffer.byteLength(JSON.stringify(facts)) <= largestFacts ? facts : undefined;
}

function parseObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    // what nests deeper than a manifest may neither JSON.stringify nor a jsonb column takes
    return isObject(value) && isShallow(value, manifestLimits.maxDepth) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function imageFacts(config: Record<string, unknown>): Record<string, unknown> {
  const runtime = isObject(config['config']) ? config['config'] : undefined;
  const labels = isObject(runtime?.['Labels']) ? runtime['Labels'] : {};
  const author = config['author'] || labels['org.opencontainers.image.authors'] || labels['maintainer'];
  const facts = {
    architecture: config['architecture'],
    os: config['os'],
    variant: config['variant'],
    'os.version': config['os.version'],
    created: config['created'],
    author,
    config: runtime,
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
