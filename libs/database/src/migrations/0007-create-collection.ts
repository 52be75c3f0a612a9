import { createReviews } from './0003-create-reviews.ts';
import { createManifestFunctions } from './0006-create-manifest-functions.ts';

/** The text of one function of an earlier step, to be replaced, with passages of it changed. */
function changed(
  step: string,
  name: string,
  changes: readonly (readonly [from: string, to: string])[],
): string {
  const start = step.indexOf(`CREATE FUNCTION ${name}(`);
  let sql = step.slice(start, step.indexOf('END $$;', start) + 'END $$;'.length);
  for (const [from, to] of changes) {
    if (!sql.includes(from)) throw new Error(`${name} has no passage ${from}`);
    sql = sql.replace(from, () => to);
  }
  return sql.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION');
}

/** A whole number of days that a project's metadata may hold under `key`. */
function daysOf(key: string): string {
  return `CASE WHEN metadata ->> '${key}' ~ '^[0-9]{1,4}$' THEN (metadata ->> '${key}')::integer END`;
}

const noLinkInProject = `NOT EXISTS (
      SELECT 1 FROM repository_blob l JOIN repository o ON o.id = l.repository_id AND o.project_id = c.project_id
      WHERE l.blob_id = c.blob_id)`;

/**
 * What collection needs (libs/catalog/src/collection).
 *
 * `review_after` of what was linked, uploaded, pushed or untagged is the moment from which a delay is counted: who
 * reviews adds the delay of its settings, so that no session has to know them. Reviews for another reason are due then.
 *
 * A manifest in the recycle bin keeps its edges to blobs, and with them their links and bytes, until it is purged.
 */
export const createCollection = `
CREATE OR REPLACE FUNCTION review_after() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';

-- days that deleted manifests stay in the recycle bin, and after which untagged ones go; null: the setting, and never
ALTER TABLE project
  ADD COLUMN recycle_bin_days integer GENERATED ALWAYS AS (${daysOf('recycle_bin_days')}) STORED,
  ADD COLUMN untagged_days integer GENERATED ALWAYS AS (${daysOf('untagged_days')}) STORED;

-- whether a repository has an upload that moved lately; no update changes the column
CREATE INDEX upload_repository ON upload (repository);
-- what a manifest that comes back from the recycle bin brings along
CREATE INDEX manifest_deleted_subject ON manifest (repository_id, subject_digest)
  WHERE subject_digest IS NOT NULL AND NOT live;

-- when a manifest lost its last tag or index, however often it was looked at since
ALTER TABLE manifest_review ADD COLUMN since timestamptz NOT NULL DEFAULT now();
${['review_untagged_manifests', 'review_freed_children'].map((name) => changed(createReviews, name, [['reason = excluded.reason', 'reason = excluded.reason, since = excluded.since']])).join('\n')}
CREATE INDEX manifest_review_deleted ON manifest_review (review_after, manifest_id) WHERE reason = 'deleted';
CREATE INDEX blob_review_soon ON blob_review (review_after, blob_id) WHERE reason <> 'new';

CREATE FUNCTION review_deleted_manifests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO manifest_review (manifest_id, review_after, reason)
  SELECT id, review_after(), 'deleted' FROM changed WHERE NOT live ORDER BY id
  ON CONFLICT (manifest_id) DO UPDATE SET review_after = excluded.review_after, reason = excluded.reason;
  RETURN NULL;
END $$;
CREATE TRIGGER review_deleted AFTER UPDATE ON manifest REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_deleted_manifests();
INSERT INTO manifest_review (manifest_id, review_after, reason)
SELECT id, deleted_at, 'deleted' FROM manifest WHERE NOT live ORDER BY id
ON CONFLICT (manifest_id) DO UPDATE SET review_after = excluded.review_after, reason = excluded.reason;

-- What a project uses goes down with its last link of a blob, whoever removes it. Nobody links the blob between the
-- look and the deletion: who does takes a share of the row that is locked here.
CREATE FUNCTION uncount_unlinked_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  candidates bigint[];
BEGIN
  SELECT array_agg(DISTINCT c.blob_id) INTO candidates FROM (
    SELECT DISTINCT r.project_id, d.blob_id FROM removed d JOIN repository r ON r.id = d.repository_id) c
  JOIN project_blob p ON p.project_id = c.project_id AND p.blob_id = c.blob_id
  WHERE ${noLinkInProject};
  IF candidates IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM 1 FROM blob WHERE id = ANY (candidates) ORDER BY id FOR UPDATE;
  WITH gone AS (
    DELETE FROM project_blob p USING (
      SELECT DISTINCT r.project_id, d.blob_id FROM removed d JOIN repository r ON r.id = d.repository_id) c
    WHERE p.project_id = c.project_id AND p.blob_id = c.blob_id AND p.blob_id = ANY (candidates)
      AND ${noLinkInProject}
    RETURNING p.project_id, p.blob_id
  ) INSERT INTO usage_delta (project_id, bytes)
  SELECT g.project_id, -sum(b.size) FROM gone g JOIN blob b ON b.id = g.blob_id GROUP BY g.project_id;
  RETURN NULL;
END $$;
CREATE TRIGGER a_uncount_unlinked AFTER DELETE ON repository_blob REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION uncount_unlinked_blobs();

CREATE FUNCTION uncount_manifests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO usage_delta (project_id, bytes)
  SELECT r.project_id, -sum(octet_length(m.payload)) FROM removed m JOIN repository r ON r.id = m.repository_id
  GROUP BY r.project_id;
  RETURN NULL;
END $$;
CREATE TRIGGER uncount_manifests AFTER DELETE ON manifest REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION uncount_manifests();

-- As the one with three arguments of 0005, for the row of the blob whose bytes the caller has seen at their key: a row
-- that came after it may have none yet. A link that is there stays, and its review begins anew.
CREATE FUNCTION link_blob(p_project bigint, p_repository text, p_digest bytea, p_blob bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  found_blob bigint;
  found_state text;
  repository bigint := ensure_repository(p_project, p_repository);
BEGIN
  SELECT id, state INTO found_blob, found_state FROM blob WHERE digest = p_digest AND (p_blob IS NULL OR id = p_blob);
  IF found_state IS DISTINCT FROM 'live' THEN
    UPDATE blob SET live = true, state = 'live', state_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE digest = p_digest AND (p_blob IS NULL OR id = p_blob) AND state <> 'deleting' RETURNING id INTO found_blob;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the blob is being removed' USING ERRCODE = 'EN002';
    END IF;
  END IF;
  LOOP
    INSERT INTO repository_blob (repository_id, blob_id) VALUES (repository, found_blob) ON CONFLICT DO NOTHING;
    EXIT WHEN FOUND;
    EXIT WHEN keep_link(repository, found_blob);
  END LOOP;
  IF (SELECT sparse FROM project WHERE id = p_project) THEN
    PERFORM pg_advisory_xact_lock_shared(sparse_lock(repository));
  END IF;
  IF EXISTS (SELECT 1 FROM manifest_missing_blob m WHERE m.repository_id = repository AND m.digest = p_digest) THEN
    -- whoever deletes one of them has taken its notes along, or waits until ours are edges
    PERFORM 1 FROM manifest_missing_blob w JOIN manifest m ON m.id = w.manifest_id
    WHERE w.repository_id = repository AND w.digest = p_digest ORDER BY m.id FOR KEY SHARE OF m;
    WITH arrived AS (
      DELETE FROM manifest_missing_blob m WHERE m.repository_id = repository AND m.digest = p_digest RETURNING m.manifest_id
    ) INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
    SELECT manifest_id, repository, found_blob FROM arrived ORDER BY 1 ON CONFLICT DO NOTHING;
    INSERT INTO project_blob (project_id, blob_id) VALUES (p_project, found_blob) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      PERFORM charge_project(p_project, (SELECT size FROM blob WHERE id = found_blob));
    END IF;
  END IF;
  RETURN found_blob;
END $$;
CREATE OR REPLACE FUNCTION link_blob(p_project bigint, p_repository text, p_digest bytea) RETURNS bigint
LANGUAGE sql AS 'SELECT link_blob(p_project, p_repository, p_digest, NULL)';

-- Whether the link is there, and stays: its review, if one is near, begins anew; if collection is at it, it is waited
-- for. For a pusher who is told that a blob is here and names it in a manifest much later. Writes nothing otherwise.
CREATE FUNCTION keep_link(p_repository bigint, p_blob bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE link_review SET review_after = now(), reason = 'asked for'
  WHERE repository_id = p_repository AND blob_id = p_blob AND review_after < now() - interval '10 minutes';
  RETURN EXISTS (SELECT 1 FROM repository_blob WHERE repository_id = p_repository AND blob_id = p_blob);
END $$;

-- As close_upload, with the row of the blob.
CREATE FUNCTION end_upload(
  p_id uuid, p_generation integer, p_repository text, p_project bigint, p_principal text, p_algorithm text,
  p_digest bytea, p_size bigint, OUT blob_id bigint, OUT blob_state text, OUT blob_size bigint
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM close_upload(p_id, p_generation, p_repository, p_project, p_principal, p_algorithm, p_digest, p_size);
  -- collection may remove the row between the two
  LOOP
    SELECT b.id, b.state, b.size INTO blob_id, blob_state, blob_size FROM blob b WHERE b.digest = p_digest;
    EXIT WHEN FOUND;
    INSERT INTO blob (digest, size, live, state) VALUES (p_digest, p_size, false, 'committing') ON CONFLICT DO NOTHING;
  END LOOP;
END $$;

-- A manifest may be purged between the two looks, and one that comes back from the recycle bin has edges.
${changed(createManifestFunctions, 'record_manifest', [
  [
    '  INSERT INTO manifest AS m (repository_id, digest, media_type,',
    '  LOOP\n  INSERT INTO manifest AS m (repository_id, digest, media_type,',
  ],
  [
    `    WHERE m.repository_id = repository AND m.digest = p_digest FOR NO KEY UPDATE;
  END IF;`,
    `    WHERE m.repository_id = repository AND m.digest = p_digest FOR NO KEY UPDATE;
  END IF;
  EXIT WHEN pushed IS NOT NULL;
  END LOOP;`,
  ],
  [
    'SET live = true, deleted_at = NULL, pushed_at = now() WHERE m.id = pushed;',
    `SET live = true, deleted_at = NULL, pushed_at = now() WHERE m.id = pushed;
    DELETE FROM manifest_blob e WHERE e.manifest_id = pushed;`,
  ],
])}
`;
