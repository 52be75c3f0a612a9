import type { RequestOrigin } from '@entrepot/access/request-origin';

/**
 * A page without scripts that says what answers here and how to push to it, with the host that the browser used.
 * The host was checked by RequestOrigins, so it holds nothing that HTML would read.
 */
export function welcomePage(version: string, origin: Pick<RequestOrigin, 'host' | 'scheme'>): string {
  const { host, scheme } = origin;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Entrepot ${version}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; color: #1b2430; background: #fff }
pre { background: #f2f4f7; padding: 1rem; overflow-x: auto; border-radius: 6px }
@media (prefers-color-scheme: dark) { body { color: #dde3ea; background: #14181d } pre { background: #1f252c } a { color: #8ab4f8 } }
</style>
</head>
<body>
<h1>Entrepot ${version}</h1>
<p>A registry for OCI and Docker artifacts. It answers at <code>${scheme}://${host}</code>.</p>
<p>Your first push:</p>
<pre>docker login ${host}
docker tag hello-world ${host}/library/hello-world
docker push ${host}/library/hello-world</pre>
<p>The name of the first user is <code>admin</code>; the first start printed the password and where it is kept.</p>
<p>For programs: the distribution API at <code>/v2/</code>, the management API at <code>/api/v2.0/</code>,
<a href="/api/v2.0/health">how the parts of this installation are</a>.</p>
</body>
</html>
`;
}
