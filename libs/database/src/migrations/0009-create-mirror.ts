/**
 * What the link mirror has to look at: things of repositories whose files may no longer be as the database says.
 * `item` is `m:<digest>` (a manifest; hexadecimal, algorithm byte first), `t:<tag>`, `b:<digest>` (a link of a blob),
 * or empty for the whole repository. The relay marks what pushes and deletions tell; what nobody tells is marked by
 * triggers here, which no push runs through. `seq` tells marks of one thing apart.
 *
 * The bytes of a manifest lie in the mirror at the key of its digest, as those of a blob. So they are one: linked to
 * the repository and used by the manifest, and what is true of blobs, collection first of all, needs no exception.
 */
export const createMirror = `
ALTER TABLE instance ADD COLUMN link_mirror boolean NOT NULL DEFAULT false;

CREATE SEQUENCE mirror_mark_seq;
CREATE TABLE mirror_mark (
  repository_id bigint NOT NULL,
  item text COLLATE "C" NOT NULL,
  seq bigint NOT NULL DEFAULT nextval('mirror_mark_seq'),
  PRIMARY KEY (repository_id, item)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX mirror_mark_order ON mirror_mark (seq);

CREATE FUNCTION is_mirrored() RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT link_mirror FROM instance), false)
$$;

-- what a fact of a repository's content may have changed
CREATE FUNCTION mirror_items(p_fact text, p_payload jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'm:' || (p_payload ->> 'digest') WHERE p_fact IN ('manifest.pushed', 'manifest.deleted', 'manifest.restored')
  UNION ALL SELECT 't:' || (p_payload ->> 'tag') WHERE p_fact IN ('tag.moved', 'tag.deleted')
  UNION ALL SELECT 't:' || name FROM jsonb_array_elements_text(p_payload -> 'tags') name WHERE p_fact = 'manifest.deleted'
$$;

CREATE FUNCTION mark_hidden_repository() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_mirrored() THEN
    INSERT INTO mirror_mark (repository_id, item) VALUES (NEW.id, '')
    ON CONFLICT (repository_id, item) DO UPDATE SET seq = excluded.seq;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER mark_hidden AFTER UPDATE OF deleted_at ON repository FOR EACH ROW
  WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION mark_hidden_repository();

CREATE FUNCTION mark_unlinked_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF is_mirrored() THEN
    INSERT INTO mirror_mark (repository_id, item)
    SELECT l.repository_id, 'b:' || encode(b.digest, 'hex') FROM removed l JOIN blob b ON b.id = l.blob_id
    JOIN repository r ON r.id = l.repository_id WHERE r.deleted_at IS NULL
    ORDER BY 1, 2 ON CONFLICT (repository_id, item) DO UPDATE SET seq = excluded.seq;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER mark_unlinked AFTER DELETE ON repository_blob REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION mark_unlinked_blobs();
`;
