import { describe, expect, it } from 'vitest';
import { createOpenApi } from './openapi.ts';
import { operations } from './operations.ts';
import { UserResp } from './users.ts';

interface Described {
  operationId: string;
  security: object[];
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  'x-permission'?: string;
}
interface Document {
  info: { version: string };
  paths: Record<string, Record<string, Described>>;
  components: { schemas: object };
}

const text = JSON.stringify(createOpenApi(operations, '1.2.3'));
const document: Document = JSON.parse(text);

function described(path: string): Described {
  const get = document.paths[path]?.['get'];
  if (get === undefined) throw new Error(`GET ${path} is not described`);
  return get;
}

describe('the OpenAPI document', () => {
  it('holds every operation under its path and method', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    );
    expect(ids.toSorted()).toEqual(operations.map((op) => op.id).toSorted());
    expect(document.info.version).toBe('1.2.3');
  });

  it('refers to no component that is not there', () => {
    const used = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((found) => found[1] ?? '');
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(used));
    expect(text).not.toContain('$defs');
  });

  it('describes numbers and flags of a query as such', () => {
    const { parameters } = described('/api/v2.0/projects');
    expect(parameters.find((each) => each.name === 'page_size')?.schema).toEqual({ type: 'integer' });
    expect(parameters.find((each) => each.name === 'with_detail')?.schema).toEqual({
      type: 'boolean',
      default: true,
    });
  });

  it('says of a path parameter that it is required, and who may call', () => {
    const get = described('/api/v2.0/projects/{project_name_or_id}');
    expect(get.parameters).toContainEqual(expect.objectContaining({ in: 'path', required: true }));
    expect(get['x-permission']).toBe('project:read');
    expect(get.security).toEqual([{ basic: [] }]);
    expect(described('/api/v2.0/ping').security).toEqual([{}, { basic: [] }]);
  });
});

describe('an answer', () => {
  it('holds only what its schema names', () => {
    const user = { user_id: 1, username: 'a', email: '', realname: '', comment: '' };
    const times = { creation_time: 'x', update_time: 'x' };
    const flags = { sysadmin_flag: false, admin_role_in_auth: false };
    const answer = UserResp.parse({ ...user, ...times, ...flags, password_hash: 'secret' });
    expect(answer).not.toHaveProperty('password_hash');
  });
});
