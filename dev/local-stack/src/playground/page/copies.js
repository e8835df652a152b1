// What can be taken out of the page: the request as a curl command and as an event fixture.

/** Longest string that is shown as it is; photos are longer. */
const LONGEST_SHOWN = 2_000;

/** A value for showing: photos shortened, and no query string of a URL, which may be a signature. */
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
  return isPhoto || text.length > LONGEST_SHOWN * 3 ? `${text.slice(0, 48)}… (${text.length} characters)` : text;
}

/** Typed into a shell at the root of the repository, it asks again. The token is made there and not shown. */
export function curl(origin, user, { path, body, key }) {
  const quoted = `'${user.replaceAll("'", "'\\''")}'`;
  return [
    `curl -s ${origin}${path} \\`,
    `  -H "Authorization: Bearer $(cargo -q dev token ${quoted})" \\`,
    `  -H 'Content-Type: application/json' -H 'Idempotency-Key: ${key}' \\`,
    `  --data-binary @- <<'JSON'`,
    body,
    'JSON',
  ].join('\n');
}

/** An event as API Gateway would hand it to the function, as the files under `events/` have it. */
export function eventFixture(host, user, { path, body, key }, now = new Date()) {
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
