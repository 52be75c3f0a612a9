import { digestOf, indexType, layerType, manifestType, someBytes, type Descriptor } from './client.ts';

/** The document of a manifest. */
export function aManifest(config: Descriptor, layers: readonly Descriptor[], members: object = {}): object {
  return { schemaVersion: 2, mediaType: manifestType, config, layers, ...members };
}

/** The document of an index. */
export function anIndex(...manifests: Descriptor[]): object {
  return { schemaVersion: 2, mediaType: indexType, manifests };
}

/** Content that no registry has. */
export function anUnknownBlob(): Descriptor {
  return { mediaType: layerType, digest: digestOf(someBytes()), size: 10 };
}
