// An OpenID Connect issuer on this machine that signs everybody in as Ada. For trying the example: issuer.mjs [PORT] [--until-input-ends]
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const kid = randomUUID();
const codes = new Map();
const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    const answer = (status, value, headers = {}) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(value));
    };
    if (url.pathname === '/.well-known/openid-configuration') {
        answer(200, {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/keys`,
        });
    } else if (url.pathname === '/keys') {
        answer(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }] });
    } else if (url.pathname === '/authorize') {
        const code = randomUUID();
        codes.set(code, Object.fromEntries(url.searchParams));
        const back = new URL(url.searchParams.get('redirect_uri'));
        back.search = new URLSearchParams({ code, state: url.searchParams.get('state') });
        answer(302, {}, { location: back.href });
    } else if (url.pathname === '/token') {
        const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
        const asked = codes.get(form.get('code'));
        codes.delete(form.get('code'));
        const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
        const same = asked && ['client_id', 'redirect_uri'].every((name) => asked[name] === form.get(name));
        if (same && asked.code_challenge === challenge) {
            answer(200, { token_type: 'Bearer', access_token: randomUUID(), id_token: idToken(asked) });
        } else {
            answer(400, { error: 'invalid_grant' });
        }
    } else {
        answer(404, { error: 'not_found' });
    }
});

function idToken({ client_id: aud, nonce }) {
    const now = Math.floor(Date.now() / 1000);
    const parts = [{ alg: 'RS256', kid }, { iss: issuer, sub: 'ada', aud, nonce, iat: now, exp: now + 3600 }];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

let issuer;
const words = process.argv.slice(2);
const untilInputEnds = words.includes('--until-input-ends');
const [port = '9400'] = words.filter((word) => !word.startsWith('--'));
server.listen(Number(port), '127.0.0.1', () => {
    issuer = `http://127.0.0.1:${server.address().port}`;
    console.log(issuer);
});
// A terminal stops who reads from it in the background, and a script's input may have ended before it began.
if (untilInputEnds) process.stdin.resume().on('end', () => process.exit());
