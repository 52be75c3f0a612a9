/**
 * The blob's part of a push: each change one statement and so one short transaction and one round trip. They raise
 * with a code of class `EN`, which libs/catalog translates:
 * EN001 content that the manifest names is not there (detail: `{"blobs":[hex],"children":[hex]}`),
 * EN002 the blob is being removed, EN003 the repository is of another project, or gone, EN004 the upload has ended,
 * EN005 the project has no room (detail: `{"adding", "used", "limit"}`, bytes). The manifest's part is 0006.
 */
export const createBlobFunctions = `
CREATE FUNCTION ensure_repository(p_project bigint, p_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_id bigint;
  found_project bigint;
BEGIN
  FOR attempt IN 1..3 LOOP
    SELECT id, project_id INTO found_id, found_project FROM repository WHERE name = p_name AND deleted_at IS NULL;
    IF FOUND THEN
      IF found_project <> p_project THEN
        RAISE EXCEPTION 'repository % belongs to another project', p_name USING ERRCODE = 'EN003';
      END IF;
      RETURN found_id;
    END IF;
    -- the share lock makes a deletion of the project wait, and ours see it
    PERFORM 1 FROM project WHERE id = p_project AND deleted_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'project % is gone', p_project USING ERRCODE = 'EN003';
    END IF;
    INSERT INTO repository (project_id, name) VALUES (p_project, p_name)
    ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING id INTO found_id;
    IF FOUND THEN
      RETURN found_id;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'repository % comes and goes', p_name USING ERRCODE = 'EN003';
END $$;

-- Manifests of sparse projects and what they wait for see each other: who notes that something is missing excludes
-- those who bring content to the repository, until both have been committed. Elsewhere nobody ever excludes.
CREATE FUNCTION sparse_lock(p_repository bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hashtextextended('sparse', p_repository)
$$;

-- The bytes are durable at the blob's key: the blob is live and linked. A live blob is only linked, without a
-- lock, so that two pushers of one base layer never wait for each other (R14); a reviver takes the row (R13).
CREATE FUNCTION link_blob(p_project bigint, p_repository text, p_digest bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_blob bigint;
  found_state text;
  repository bigint := ensure_repository(p_project, p_repository);
BEGIN
  SELECT id, state INTO found_blob, found_state FROM blob WHERE digest = p_digest;
  IF found_state IS DISTINCT FROM 'live' THEN
    UPDATE blob SET live = true, state = 'live', state_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE digest = p_digest AND state <> 'deleting' RETURNING id INTO found_blob;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the blob is being removed' USING ERRCODE = 'EN002';
    END IF;
  END IF;
  INSERT INTO repository_blob (repository_id, blob_id) VALUES (repository, found_blob) ON CONFLICT DO NOTHING;
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

-- Ends an upload and notes the intent to publish its bytes, before any of them moves to the blob's key: a crash
-- between the two leaves a row, and its review, that collection knows. Generation 0 says that the upload had no
-- row yet (POST, then one PUT). Returns the state and size of the blob as they are now.
CREATE FUNCTION close_upload(
  p_id uuid, p_generation integer, p_repository text, p_project bigint, p_principal text, p_algorithm text,
  p_digest bytea, p_size bigint, OUT blob_state text, OUT blob_size bigint
) LANGUAGE plpgsql AS $$
BEGIN
  IF p_generation = 0 THEN
    INSERT INTO upload (id, repository, project_id, principal, algorithm, size, finished_at)
    VALUES (p_id, p_repository, p_project, p_principal, p_algorithm, p_size, now()) ON CONFLICT (id) DO NOTHING;
  ELSE
    UPDATE upload SET finished_at = now(), updated_at = now(), owner = NULL, lease_until = NULL, size = p_size
    WHERE id = p_id AND generation = p_generation AND finished_at IS NULL;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the upload has ended or is written by another request' USING ERRCODE = 'EN004';
  END IF;
  -- collection may remove the row between the two
  LOOP
    INSERT INTO blob (digest, size, live, state) VALUES (p_digest, p_size, false, 'committing')
    ON CONFLICT (digest) DO NOTHING RETURNING state, size INTO blob_state, blob_size;
    EXIT WHEN FOUND;
    SELECT state, size INTO blob_state, blob_size FROM blob WHERE digest = p_digest;
    EXIT WHEN FOUND;
  END LOOP;
END $$;
`;
