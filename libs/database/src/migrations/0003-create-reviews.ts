/** SQL of a trigger function that writes a review row for each distinct key among the changed rows. */
function reviewFunction(name: string, table: string, key: string, from: string): string {
  return `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ${table} (${key}, review_after, reason)
  SELECT ${from}, review_after(), TG_ARGV[0] FROM (SELECT DISTINCT ${from} FROM changed) c
  WHERE (${from}) IS NOT NULL ORDER BY ${from}
  ON CONFLICT (${key}) DO UPDATE SET review_after = excluded.review_after, reason = excluded.reason;
  RETURN NULL;
END $$;`;
}

const queue = 'WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)';

/**
 * What collection has to look at. Rows are written by statement-level triggers, so no path that can orphan
 * something, hand surgery included, escapes them: sorted by key, and by `DO UPDATE`, since `DO NOTHING` loses
 * the row that a worker is about to delete (R7). The delay is 24 hours unless the session sets
 * `entrepot.review_delay`.
 */
export const createReviews = `
CREATE TABLE link_review (
  repository_id bigint NOT NULL,
  blob_id bigint NOT NULL,
  review_after timestamptz NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  PRIMARY KEY (repository_id, blob_id)
) ${queue};
CREATE INDEX link_review_due ON link_review (review_after, repository_id, blob_id);

CREATE TABLE manifest_review (
  manifest_id bigint PRIMARY KEY,
  review_after timestamptz NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 0
) ${queue};
CREATE INDEX manifest_review_due ON manifest_review (review_after, manifest_id);

CREATE TABLE blob_review (
  blob_id bigint PRIMARY KEY,
  review_after timestamptz NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 0
) ${queue};
CREATE INDEX blob_review_due ON blob_review (review_after, blob_id);

CREATE FUNCTION review_after() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT now() + coalesce(nullif(current_setting('entrepot.review_delay', true), ''), '24 hours')::interval
$$;

${reviewFunction('review_links', 'link_review', 'repository_id, blob_id', 'repository_id, blob_id')}
${reviewFunction('review_new_blobs', 'blob_review', 'blob_id', 'id')}
${reviewFunction('review_unlinked_blobs', 'blob_review', 'blob_id', 'blob_id')}
${reviewFunction('review_new_manifests', 'manifest_review', 'manifest_id', 'id')}
${reviewFunction('review_untagged_manifests', 'manifest_review', 'manifest_id', 'manifest_id')}
${reviewFunction('review_freed_children', 'manifest_review', 'manifest_id', 'child_id')}

CREATE TRIGGER review_new_link AFTER INSERT ON repository_blob REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_links('linked');
CREATE TRIGGER review_freed_link AFTER DELETE ON manifest_blob REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_links('detached');
CREATE TRIGGER review_new_blob AFTER INSERT ON blob REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_new_blobs('new');
CREATE TRIGGER review_unlinked_blob AFTER DELETE ON repository_blob REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_unlinked_blobs('unlinked');
CREATE TRIGGER review_new_manifest AFTER INSERT ON manifest REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_new_manifests('new');
CREATE TRIGGER review_untagged AFTER DELETE ON tag REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_untagged_manifests('untagged');
CREATE TRIGGER review_moved AFTER UPDATE ON tag REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_untagged_manifests('untagged');
CREATE TRIGGER review_freed_child AFTER DELETE ON manifest_child REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION review_freed_children('detached');
`;
