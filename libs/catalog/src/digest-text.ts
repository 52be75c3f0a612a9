/** SQL that writes a `bytea` digest of the database as text, `sha256:…` or `sha512:…`. */
export function digestTextSql(column: string): string {
  return `CASE get_byte(${column}, 0) WHEN 1 THEN 'sha256:' ELSE 'sha512:' END || encode(substr(${column}, 2), 'hex')`;
}
