import { aProject } from '@entrepot/access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  configType,
  digestOf,
  indexType,
  layerType,
  manifestType,
  someBytes,
  type Answer,
  type Descriptor,
} from './client.ts';
import { admin, startRegistry, type RunningRegistry } from './registry-harness.ts';

const name = 'invariants/app';
const rounds = 40;

interface Document {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

function pick<T>(from: readonly T[]): T {
  const picked = from[Math.floor(Math.random() * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

describe('whatever many clients do at once to one repository, in two processes', () => {
  let registry: RunningRegistry;
  let clients: Client[];
  // few contents, so that they meet
  const layers = Array.from({ length: 4 }, () => someBytes(50));
  const config = Buffer.from('{"os":"linux"}');
  const tags = ['a', 'b', 'c'];

  beforeAll(async () => {
    registry = await startRegistry();
    await aProject(registry.test.database, { name: 'invariants' });
    const first = await Client.as(registry, admin, name);
    clients = [first, first.at(await registry.another())];
    await first.aBlob(name, config, configType);
    for (const bytes of layers) await first.aBlob(name, bytes);
    for (const tag of tags) await first.putManifest(name, tag, aManifest());
  });
  afterAll(() => registry.close());

  function descriptorOf(bytes: Uint8Array, mediaType: string): Descriptor {
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  }

  function aManifest(): string {
    const chosen = layers.filter(() => Math.random() < 0.5).map((bytes) => descriptorOf(bytes, layerType));
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptorOf(config, configType),
      layers: chosen,
    });
  }

  function anIndex(): string {
    const children = [aManifest(), aManifest()].map((text) => descriptorOf(Buffer.from(text), manifestType));
    return JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: children });
  }

  const pushLayer = (client: Client): Promise<Answer> => {
    const bytes = pick(layers);
    return client.send('POST', `${name}/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes });
  };
  const actions: ((client: Client) => Promise<Answer>)[] = [
    pushLayer,
    pushLayer,
    (client) => client.putManifest(name, pick(tags), aManifest()),
    (client) => client.putManifest(name, pick(tags), aManifest()),
    (client) => client.putManifest(name, pick(tags), anIndex()),
    (client) => {
      const text = aManifest();
      return client.putManifest(name, digestOf(text), text);
    },
    (client) => client.delete(`${name}/blobs/${digestOf(pick(layers))}`),
    (client) => client.delete(`${name}/manifests/${digestOf(aManifest())}`),
    (client) => client.delete(`${name}/manifests/${pick(tags)}`),
  ];

  /** Pulls what a reference names: `whole`, `absent`, `moved` when it was deleted meanwhile, or what is wrong. */
  async function pull(client: Client, reference: string): Promise<string> {
    const answer = await client.get(`${name}/manifests/${reference}`);
    if (answer.status === 404) return 'absent';
    if (answer.status !== 200) return `manifest ${answer.status}`;
    const digest = digestOf(answer.body);
    if (answer.headers['docker-content-digest'] !== digest) return 'other bytes';
    const document = JSON.parse(answer.body.toString()) as Document;
    let missing: string | undefined;
    // it may have been deleted and pushed again between two looks: what is broken stays so
    for (let look = 0; look < 4; look++) {
      missing = await findMissing(client, document);
      if (missing === undefined) return 'whole';
      if ((await client.head(`${name}/manifests/${digest}`)).status === 404) return 'moved';
    }
    return `${digest} lacks ${missing}`;
  }

  async function findMissing(client: Client, document: Document): Promise<string | undefined> {
    for (const blob of [document.config ?? [], document.layers ?? []].flat()) {
      const answer = await client.get(`${name}/blobs/${blob.digest}`);
      if (answer.status !== 200 || digestOf(answer.body) !== blob.digest) return blob.digest;
    }
    for (const child of document.manifests ?? []) {
      if (!['whole', 'moved'].includes(await pull(client, child.digest))) return child.digest;
    }
    return undefined;
  }

  it('no answer is a failure, and what a manifest names can be pulled as long as it is there itself', async () => {
    const statuses = new Map<number, number>();
    const outcomes = new Map<string, number>();
    const count = <T>(map: Map<T, number>, key: T): void => void map.set(key, (map.get(key) ?? 0) + 1);
    const writers = Array.from({ length: 6 }, async (_, index) => {
      const client = clients[index % 2] ?? pick(clients);
      for (let round = 0; round < rounds; round++) count(statuses, (await pick(actions)(client)).status);
    });
    const readers = clients.map(async (client) => {
      for (let round = 0; round < rounds; round++) count(outcomes, await pull(client, pick(tags)));
    });
    await Promise.all([...writers, ...readers]);
    expect([...statuses.keys()].filter((status) => ![201, 202, 404, 405].includes(status))).toEqual([]);
    expect([...outcomes.keys()].filter((outcome) => !['whole', 'absent', 'moved'].includes(outcome))).toEqual(
      [],
    );
    expect(outcomes.get('whole')).toBeGreaterThan(0);
    for (const status of [201, 202]) expect(statuses.get(status)).toBeGreaterThan(0);
  });

  it('afterwards every row has what it needs', async () => {
    const broken = await registry.test.database.query(
      `SELECT 'child' AS what FROM manifest_child c JOIN manifest m ON m.id = c.manifest_id AND m.live
         LEFT JOIN manifest k ON k.id = c.child_id AND k.live WHERE k.id IS NULL
       UNION ALL SELECT 'tag' FROM tag t LEFT JOIN manifest m ON m.id = t.manifest_id AND m.live WHERE m.id IS NULL
       UNION ALL SELECT 'edge' FROM manifest_blob e LEFT JOIN repository_blob l USING (repository_id, blob_id) WHERE l.blob_id IS NULL`,
    );
    expect(broken).toEqual([]);
    // the last event of each tag says where it points
    const events = await registry.test.database.query(
      `SELECT DISTINCT ON (e.name) e.name, e.to_digest = m.digest AS agrees, m.id IS NULL AS gone, e.to_digest IS NULL AS said_gone
       FROM tag_event e LEFT JOIN tag t ON t.name = e.name LEFT JOIN manifest m ON m.id = t.manifest_id ORDER BY e.name, e.id DESC`,
    );
    for (const event of events) {
      expect(event).toMatchObject(
        Reflect.get(event, 'gone') === true ? { said_gone: true } : { agrees: true },
      );
    }
  });

  it('of two that push one tag at once, one wins whole', async () => {
    for (let round = 0; round < 10; round++) {
      const contents = await Promise.all(
        clients.map(async (client) => {
          const layer = await client.aBlob(name);
          return JSON.stringify({
            schemaVersion: 2,
            mediaType: manifestType,
            config: descriptorOf(config, configType),
            layers: [layer],
          });
        }),
      );
      const answers = await Promise.all(
        clients.map((client, index) => client.putManifest(name, 'contested', contents[index])),
      );
      expect(answers.map((answer) => answer.status)).toEqual([201, 201]);
      const reads = await Promise.all(clients.map((client) => client.get(`${name}/manifests/contested`)));
      expect(reads[0]?.body.equals(reads[1]?.body ?? Buffer.alloc(0))).toBe(true);
      expect(contents).toContain(reads[0]?.body.toString());
      expect(await pull(pick(clients), 'contested')).toBe('whole');
    }
  });
});
