/**
 * The manifest's part of a push: manifest, edges, tags, usage, fact and audit row, in one statement. The codes that
 * they raise are those of 0005.
 */
export const createManifestFunctions = `
CREATE FUNCTION missing_content(p_repository bigint, p_blobs bytea[], p_children bytea[]) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'blobs', coalesce((SELECT jsonb_agg(encode(d, 'hex')) FROM unnest(p_blobs) d WHERE NOT EXISTS (
      SELECT 1 FROM blob b JOIN repository_blob l ON l.blob_id = b.id AND l.repository_id = p_repository
      WHERE b.digest = d AND b.state = 'live')), '[]'),
    'children', coalesce((SELECT jsonb_agg(encode(d, 'hex')) FROM unnest(p_children) d WHERE NOT EXISTS (
      SELECT 1 FROM manifest m WHERE m.repository_id = p_repository AND m.digest = d AND m.live)), '[]'))::text
$$;

-- In a project that allows it, notes what a manifest names and the repository does not hold. False elsewhere.
CREATE FUNCTION note_missing_blobs(p_project bigint, p_repository bigint, p_manifest bigint, p_blobs bytea[])
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  late_bytes bigint;
BEGIN
  IF NOT (SELECT sparse FROM project WHERE id = p_project) THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(sparse_lock(p_repository));
  -- what arrived since the push looked
  WITH arrived AS (
    INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
    SELECT p_manifest, p_repository, b.id FROM unnest(p_blobs) d JOIN blob b ON b.digest = d AND b.state = 'live'
    JOIN repository_blob l ON l.repository_id = p_repository AND l.blob_id = b.id
    ORDER BY b.id ON CONFLICT DO NOTHING RETURNING blob_id
  ), fresh AS (
    INSERT INTO project_blob (project_id, blob_id) SELECT p_project, blob_id FROM arrived
    ON CONFLICT DO NOTHING RETURNING blob_id
  ) SELECT sum(b.size) INTO late_bytes FROM fresh f JOIN blob b ON b.id = f.blob_id;
  IF late_bytes IS NOT NULL THEN
    PERFORM charge_project(p_project, late_bytes);
  END IF;
  INSERT INTO manifest_missing_blob (manifest_id, repository_id, digest)
  SELECT DISTINCT p_manifest, p_repository, d FROM unnest(p_blobs) d WHERE NOT EXISTS (
    SELECT 1 FROM manifest_blob e JOIN blob b ON b.id = e.blob_id WHERE e.manifest_id = p_manifest AND b.digest = d)
  ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- The digest of a manifest as it is now, also of one that came after the statement which asks had begun.
CREATE FUNCTION manifest_digest(p_id bigint) RETURNS bytea LANGUAGE sql VOLATILE AS $$
  SELECT digest FROM manifest WHERE id = p_id
$$;

-- Points a tag at a manifest, with its event and fact. Returns the digest that it pointed at before.
CREATE FUNCTION move_tag(
  p_project bigint, p_repository bigint, p_repository_name text, p_name text, p_manifest bigint, p_digest bytea,
  p_actor text, p_origin text
) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  old_tag bigint;
  old_manifest bigint;
  old_digest bytea;
BEGIN
  LOOP
    INSERT INTO tag (repository_id, name, manifest_id) VALUES (p_repository, p_name, p_manifest)
    ON CONFLICT (repository_id, name) DO NOTHING;
    EXIT WHEN FOUND;
    SELECT id, manifest_id INTO old_tag, old_manifest FROM tag
    WHERE repository_id = p_repository AND name = p_name FOR NO KEY UPDATE;
    IF FOUND THEN
      UPDATE tag SET manifest_id = p_manifest, version = version + 1, pushed_at = now() WHERE id = old_tag;
      EXIT;
    END IF;
  END LOOP;
  IF old_manifest IS DISTINCT FROM p_manifest THEN
    IF old_manifest IS NOT NULL THEN
      old_digest := manifest_digest(old_manifest);
    END IF;
    INSERT INTO tag_event (repository_id, name, from_digest, to_digest, actor, origin)
    VALUES (p_repository, p_name, old_digest, p_digest, p_actor, p_origin);
    INSERT INTO outbox (fact, key, payload) VALUES ('tag.moved', p_repository::text, jsonb_build_object(
      'repositoryId', p_repository, 'projectId', p_project, 'repository', p_repository_name, 'tag', p_name,
      'from', encode(old_digest, 'hex'), 'to', encode(p_digest, 'hex'), 'actor', p_actor));
  END IF;
  RETURN old_digest;
END $$;

-- Adds bytes to what a project uses. Without a limit that is an insert, folded later: no push waits for another.
-- With one it is exact: the pushes of the project queue for its row, and one that does not fit is undone.
CREATE FUNCTION charge_project(p_project bigint, p_bytes bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  most bigint;
  total bigint;
BEGIN
  SELECT storage_limit INTO most FROM project WHERE id = p_project;
  IF most IS NULL THEN
    INSERT INTO usage_delta (project_id, bytes) VALUES (p_project, p_bytes);
    RETURN;
  END IF;
  INSERT INTO project_usage (project_id) VALUES (p_project) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM project_usage WHERE project_id = p_project AND shard = 0 FOR UPDATE;
  -- what is left from before there was a limit; rows that the folding job holds it is adding itself
  WITH folded AS (
    DELETE FROM usage_delta WHERE id IN (
      SELECT id FROM usage_delta WHERE project_id = p_project FOR UPDATE SKIP LOCKED) RETURNING bytes)
  UPDATE project_usage SET used = used + p_bytes + (SELECT coalesce(sum(bytes), 0) FROM folded)
  WHERE project_id = p_project AND shard = 0 RETURNING used INTO total;
  IF total > most THEN
    RAISE EXCEPTION 'the project is full' USING ERRCODE = 'EN005',
      DETAIL = jsonb_build_object('adding', p_bytes, 'used', total - p_bytes, 'limit', most)::text;
  END IF;
END $$;

-- A push of a manifest: manifest, edges, tags, tag events, usage, fact and audit row. Lock order: manifest,
-- link and blob by their foreign keys, review rows by trigger, usage last.
CREATE FUNCTION record_manifest(
  p_project bigint, p_repository text, p_digest bytea, p_media_type text, p_artifact_type text, p_type text,
  p_accessory_type text, p_config bytea, p_subject bytea, p_payload bytea, p_size bigint, p_annotations jsonb,
  p_facts jsonb, p_blobs bytea[], p_children bytea[], p_tags text[], p_actor text, p_request jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  repository bigint := ensure_repository(p_project, p_repository);
  pushed bigint;
  was_live boolean;
  edges integer;
  fresh_bytes bigint := 0;
  tag_name text;
  fresh_total bigint;
  is_first boolean;
  is_sparse boolean;
  is_limited boolean;
BEGIN
  SELECT r.pushed_at IS NULL, p.sparse, p.storage_limit IS NOT NULL INTO is_first, is_sparse, is_limited
  FROM repository r JOIN project p ON p.id = r.project_id WHERE r.id = repository;
  INSERT INTO manifest AS m (repository_id, digest, media_type, artifact_type, type, accessory_type,
    config_digest, subject_digest, payload, total_size, annotations, facts)
  VALUES (repository, p_digest, p_media_type, p_artifact_type, p_type, p_accessory_type, p_config, p_subject,
    p_payload, p_size, p_annotations, p_facts)
  ON CONFLICT (repository_id, digest) DO NOTHING RETURNING m.id INTO pushed;
  IF pushed IS NULL THEN
    SELECT m.id, m.live INTO pushed, was_live FROM manifest m
    WHERE m.repository_id = repository AND m.digest = p_digest FOR NO KEY UPDATE;
  END IF;
  IF was_live IS FALSE THEN
    UPDATE manifest m SET live = true, deleted_at = NULL, pushed_at = now() WHERE m.id = pushed;
  END IF;

  IF was_live IS NOT TRUE THEN
    IF cardinality(p_blobs) > 0 THEN
      -- laterals with a limit stay nested loops over indexes, also under a plan made while the tables were empty
      WITH found AS MATERIALIZED (
        SELECT b.id, b.size FROM unnest(p_blobs) d
        CROSS JOIN LATERAL (SELECT id, size FROM blob WHERE digest = d AND state = 'live' LIMIT 1) b
        CROSS JOIN LATERAL (
          SELECT 1 FROM repository_blob WHERE repository_id = repository AND blob_id = b.id LIMIT 1) l
        ORDER BY b.id
      ), edge AS (
        INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
        SELECT pushed, repository, id FROM found ON CONFLICT DO NOTHING RETURNING blob_id
      ), fresh AS (
        INSERT INTO project_blob (project_id, blob_id) SELECT p_project, id FROM found ON CONFLICT DO NOTHING RETURNING blob_id
      ) SELECT (SELECT count(*) FROM edge),
          coalesce((SELECT sum(size) FROM found WHERE id IN (SELECT blob_id FROM fresh)), 0)
        INTO edges, fresh_bytes;
      IF edges < cardinality(p_blobs) AND edges < (SELECT count(DISTINCT d) FROM unnest(p_blobs) d)
        AND NOT note_missing_blobs(p_project, repository, pushed, p_blobs) THEN
        RAISE EXCEPTION 'content is missing'
          USING ERRCODE = 'EN001', DETAIL = missing_content(repository, p_blobs, '{}');
      END IF;
    END IF;
    IF cardinality(p_children) > 0 THEN
      INSERT INTO manifest_child (manifest_id, repository_id, digest, child_id)
      SELECT DISTINCT pushed, repository, d, m.id
      FROM unnest(p_children) d LEFT JOIN LATERAL (
        SELECT id FROM manifest k WHERE k.repository_id = repository AND k.digest = d AND k.live LIMIT 1) m ON true
      ORDER BY m.id ON CONFLICT DO NOTHING;
      IF EXISTS (SELECT 1 FROM manifest_child c WHERE c.manifest_id = pushed AND c.child_id IS NULL) THEN
        IF NOT (SELECT sparse FROM project WHERE id = p_project) THEN
          RAISE EXCEPTION 'content is missing'
            USING ERRCODE = 'EN001', DETAIL = missing_content(repository, '{}', p_children);
        END IF;
        PERFORM pg_advisory_xact_lock(sparse_lock(repository));
        -- what arrived since the push looked
        UPDATE manifest_child c SET child_id = m.id FROM manifest m
        WHERE c.manifest_id = pushed AND c.child_id IS NULL AND m.repository_id = repository AND m.digest = c.digest
          AND m.live;
      END IF;
      -- sizes are what clients say: together they may be more than a number of ours holds
      UPDATE manifest m SET total_size = least(9007199254740991, p_size + coalesce((SELECT sum(k.total_size)
        FROM manifest k WHERE k.repository_id = repository AND k.digest = ANY (p_children) AND k.live), 0))
      WHERE m.id = pushed;
    END IF;
    -- also what a project waited for that is sparse no more
    IF is_sparse OR EXISTS (SELECT 1 FROM manifest_child c
      WHERE c.repository_id = repository AND c.digest = p_digest AND c.child_id IS NULL) THEN
      PERFORM pg_advisory_xact_lock_shared(sparse_lock(repository));
      UPDATE manifest_child c SET child_id = pushed
      WHERE c.repository_id = repository AND c.digest = p_digest AND c.child_id IS NULL;
    END IF;
    -- a manifest that comes back kept its bytes meanwhile
    fresh_total := fresh_bytes + CASE WHEN was_live IS NULL THEN length(p_payload) ELSE 0 END;
    IF is_limited THEN
      PERFORM charge_project(p_project, fresh_total);
    ELSE
      INSERT INTO usage_delta (project_id, bytes) VALUES (p_project, fresh_total);
    END IF;
  END IF;

  FOREACH tag_name IN ARRAY p_tags LOOP
    PERFORM move_tag(p_project, repository, p_repository, tag_name, pushed, p_digest, p_actor, 'push');
  END LOOP;
  IF is_first THEN
    UPDATE repository r SET pushed_at = now() WHERE r.id = repository AND r.pushed_at IS NULL;
  END IF;

  INSERT INTO outbox (fact, key, payload) VALUES ('manifest.pushed', repository::text, jsonb_build_object(
    'repositoryId', repository, 'projectId', p_project, 'repository', p_repository,
    'digest', encode(p_digest, 'hex'), 'mediaType', p_media_type, 'size', length(p_payload),
    'tags', to_jsonb(p_tags), 'actor', p_actor, 'request', p_request));
  INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id)
  VALUES (p_actor, coalesce(p_request ->> 'actorKind', 'user'), p_request ->> 'address', p_request ->> 'userAgent',
    p_request ->> 'id', 'create', 'artifact',
    p_repository || CASE WHEN cardinality(p_tags) > 0 THEN ':' || p_tags[1]
      ELSE '@' || CASE get_byte(p_digest, 0) WHEN 1 THEN 'sha256:' ELSE 'sha512:' END || encode(substr(p_digest, 2), 'hex') END,
    p_project);
  RETURN pushed;
END $$;
`;
