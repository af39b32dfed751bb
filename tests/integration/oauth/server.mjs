// An OAuth 2.0 server that we did not write (oidc-provider), and behind it an API that takes leads only with a token of it.
//
//   node server.mjs PORT-FILE CERTIFICATE.pem CLIENT-SECRET
//
// Clients: "with-secret" (client_secret_post) and "with-certificate" (private_key_jwt, RS256 with the certificate's key).
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const [portFile, certificate, secret] = process.argv.slice(2);
const { default: Provider } = await import('oidc-provider');

const server = http.createServer();
server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const publicKey = new crypto.X509Certificate(fs.readFileSync(certificate)).publicKey.export({ format: 'jwk' });
const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const scope = `${base}/.default`;
const common = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope };

const provider = new Provider(`${base}/oauth`, {
	clients: [
		{ ...common, client_id: 'with-secret', client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
		{ ...common, client_id: 'with-certificate', token_endpoint_auth_method: 'private_key_jwt',
			token_endpoint_auth_signing_alg: 'RS256', jwks: { keys: [{ ...publicKey, use: 'sig', alg: 'RS256' }] } },
	],
	scopes: [scope],
	features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
	clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
	jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'one' }] },
	ttl: { ClientCredentials: 600 },
});
provider.on('grant.error', (ctx, error) => console.error('grant refused:', error.error, error.error_description, error.error_detail ?? ''));

const leads = new Map();
let tokens = 0;
provider.on('grant.success', () => { tokens++; });

async function api(req, res) {
	const answer = (status, body) => {
		res.writeHead(status, { 'Content-Type': 'application/json', ...(status === 204 && { 'OData-EntityId': `${base}${req.url}(${body.leadid})` }) });
		res.end(status === 204 ? undefined : JSON.stringify(body));
	};
	if (req.url === '/seen') return answer(200, { tokens, leads: [...leads.values()] });
	const bearer = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1];
	const token = bearer && await provider.ClientCredentials.find(bearer);
	if (!token || !token.scopes.has(scope)) return answer(401, { error: { code: '0x80044302', message: 'not a token of this server' } });
	if (req.url.endsWith('/WhoAmI')) return answer(200, { UserId: crypto.randomUUID() });
	let body = '';
	for await (const part of req) body += part;
	const lead = JSON.parse(body);
	leads.set(lead.leadid, { ...lead, client: token.clientId });
	return answer(204, lead);
}

const oauth = provider.callback();
server.on('request', (req, res) => {
	if (!req.url.startsWith('/oauth/')) return api(req, res).catch((error) => { console.error(error); res.destroy(); });
	req.originalUrl = req.url; // mounted under /oauth
	req.url = req.url.slice('/oauth'.length);
	return oauth(req, res);
});
fs.writeFileSync(`${portFile}.new`, String(server.address().port));
fs.renameSync(`${portFile}.new`, portFile);
