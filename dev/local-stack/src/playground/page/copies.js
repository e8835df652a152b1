// The request in forms to copy: a curl command and an event fixture.

/** The longest string that is shown in full, in characters. Prompts are shorter, photos are longer. */
const MAX_SHOWN = 6_000;

/** A value to show: photos are shortened, and URLs lose their query, which may hold a signature. */
export function shown(value) {
  if (typeof value === 'string') return shownText(value);
  if (Array.isArray(value)) return value.map(shown);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]));
  }
  return value;
}

function shownText(text) {
  if (/^https?:\/\/\S+\?/.test(text)) return text.split('?')[0];
  const isPhoto = text.startsWith('data:') && text.length > 100;
  return isPhoto || text.length > MAX_SHOWN ? `${text.slice(0, 48)}… (${text.length} characters)` : text;
}

/** A command that repeats the request from the repository's root. The shell gets the token, so it is not shown. */
export function curl(origin, user, { path, body, key, prefer }) {
  const quoted = `'${user.replaceAll("'", "'\\''")}'`;
  return [
    `curl -s ${origin}${path} \\`,
    `  -H "Authorization: Bearer $(cargo -q dev token ${quoted} --url ${origin})" \\`,
    `  -H 'Content-Type: application/json' -H 'Idempotency-Key: ${key}' \\`,
    `  -H 'Prefer: ${prefer}' \\`,
    `  --data-binary @- <<'JSON'`,
    body,
    'JSON',
  ].join('\n');
}

/** The event that API Gateway would pass to the function, in the form of the files in `events/`. */
export function eventFixture(host, user, { path, body, key, prefer }, now = new Date()) {
  const agent = globalThis.navigator?.userAgent ?? 'playground';
  const routeKey = `POST ${path}`;
  const domain = host.replace(/:\d+$/, '');
  const event = {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: {
      accept: 'application/json',
      authorization: 'Bearer redacted',
      'content-length': String(new TextEncoder().encode(body).length),
      'content-type': 'application/json',
      host,
      'idempotency-key': key,
      prefer,
      'user-agent': agent,
      'x-amzn-trace-id': 'Root=1-69634495-0123456789abcdef00000001',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'local',
      authorizer: { jwt: { claims: { sub: user }, scopes: null } },
      domainName: domain,
      domainPrefix: domain.split('.')[0],
      http: { method: 'POST', path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: agent },
      requestId: 'playground',
      routeKey,
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    body,
    isBase64Encoded: false,
  };
  return JSON.stringify(event, null, 2);
}
