import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A descriptor of the OCI image specification. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What an image layout on disk holds. */
export interface ImageLayout {
  readonly directory: string;
  /** An image for linux/amd64, under the name `single`. */
  readonly single: Descriptor;
  /** An index of images for two platforms, under the name `multi`. */
  readonly multi: Descriptor;
  /** The two images of the index. */
  readonly platforms: readonly Descriptor[];
  /** The layer of `single`. */
  readonly layer: Descriptor;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

/** Writes an OCI image layout of images whose layers are random and `layerBytes` long. */
export function writeImageLayout(directory: string, layerBytes: number): ImageLayout {
  mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
  const amd64 = writeImage(directory, 'amd64', layerBytes);
  const arm64 = writeImage(directory, 'arm64', layerBytes);
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [amd64.image, arm64.image] };
  const multi = writeBlob(directory, indexType, JSON.stringify(index));
  const named = [nameIt(amd64.image, 'single'), nameIt(multi, 'multi')];
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: named }));
  const platforms = [amd64.image, arm64.image];
  return { directory, single: amd64.image, multi, platforms, layer: amd64.layer };
}

/** The digest of bytes, as registries write it. */
export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A tar archive (POSIX ustar) of plain files. */
export function tarOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, bytes]) => [
    tarHeader(name, bytes.length),
    bytes,
    Buffer.alloc((512 - (bytes.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function writeImage(
  directory: string,
  architecture: string,
  layerBytes: number,
): { image: Descriptor; layer: Descriptor } {
  const layer = tarOf({ 'data.bin': randomBytes(layerBytes), hello: Buffer.from(`hello ${architecture}\n`) });
  const platform = { os: 'linux', architecture };
  const rootfs = { type: 'layers', diff_ids: [digestOf(layer)] };
  const config = JSON.stringify({ ...platform, config: { Cmd: ['/hello'] }, rootfs });
  const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const layerDescriptor = writeBlob(directory, layerType, gzipSync(layer, { level: 1 }));
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: writeBlob(directory, 'application/vnd.oci.image.config.v1+json', config),
    layers: [layerDescriptor],
  };
  const image = { ...writeBlob(directory, manifestType, JSON.stringify(manifest)), platform };
  return { image, layer: layerDescriptor };
}

function writeBlob(directory: string, mediaType: string, bytes: Buffer | string): Descriptor {
  const digest = digestOf(bytes);
  writeFileSync(join(directory, 'blobs/sha256', digest.slice('sha256:'.length)), bytes);
  return { mediaType, digest, size: Buffer.byteLength(bytes) };
}

function nameIt(descriptor: Descriptor, name: string): Descriptor {
  return { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } };
}

// IEEE Std 1003.1-1988, 10.1.1: fixed fields, numbers in octal text, a checksum that counts itself as spaces
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
