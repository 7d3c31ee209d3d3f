// Viewer request: whoever has no valid ID token in the cookie `session` is sent to the issuer and comes back with one
// (OpenID Connect's authorization code flow with PKCE). It runs before the cache, so cached pages are for members, too.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { exchangeCode, issuer, verifiedClaims } from './issuer.js';

const config = JSON.parse(readFileSync(new URL('config.json', import.meta.url), 'utf8'));
const callback = new URL(config.callback);
const LOGIN_S = 600;

export const handler = async (event) => {
    const { request } = event.Records[0].cf;
    const cookies = parseCookies(request.headers.cookie);
    if (request.uri === callback.pathname) {
        return comeBack(request, cookies.get('login'));
    }
    const claims = cookies.has('session') && (await verifiedClaims(config, cookies.get('session')));
    if (!claims) {
        return sendToIssuer(request);
    }
    // The origin may trust it: what a viewer sends under that name does not come through.
    request.headers['x-user'] = [{ key: 'X-User', value: claims.sub }];
    return request;
};

async function sendToIssuer(request) {
    const [state, nonce, verifier] = [0, 0, 0].map(() => randomBytes(32).toString('base64url'));
    const page = request.uri + (request.querystring ? `?${request.querystring}` : '');
    const login = Buffer.from(JSON.stringify({ state, nonce, verifier, page: page.slice(0, 1024) })).toString('base64url');
    const url = new URL((await issuer(config)).authorization_endpoint);
    url.search = new URLSearchParams({
        response_type: 'code',
        client_id: config.client_id,
        redirect_uri: config.callback,
        scope: 'openid',
        state,
        nonce,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
    });
    return redirect(url.href, [cookie('login', login, LOGIN_S)]);
}

async function comeBack(request, login) {
    const query = new URLSearchParams(request.querystring);
    let asked;
    try {
        asked = JSON.parse(Buffer.from(login, 'base64url'));
    } catch {
        return refused('this sign-in was not begun here, or too long ago');
    }
    if (!query.has('code') || query.get('state') !== asked.state) {
        return refused(query.get('error') ?? 'the answer is not to the question');
    }
    const token = await exchangeCode(config, query.get('code'), asked.verifier);
    const claims = token && (await verifiedClaims(config, token));
    if (!claims || claims.nonce !== asked.nonce) {
        return refused('the token is not valid');
    }
    // A path of this site and nothing else, whatever the cookie says.
    const page = /^\/(?![/\\])/.test(asked.page) ? asked.page : '/';
    const lifetime = Math.max(0, claims.exp - Math.floor(Date.now() / 1000));
    return redirect(page, [cookie('session', token, lifetime), cookie('login', '', 0)]);
}

const cookie = (name, value, seconds) =>
    `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${callback.protocol === 'https:' ? '; Secure' : ''}`;

const redirect = (location, cookies) => ({
    status: '302',
    statusDescription: 'Found',
    headers: {
        location: [{ key: 'Location', value: location }],
        'cache-control': [{ key: 'Cache-Control', value: 'no-store' }],
        'set-cookie': cookies.map((value) => ({ key: 'Set-Cookie', value })),
    },
});

function refused(reason) {
    console.warn('refused:', reason);
    return {
        status: '401',
        statusDescription: 'Unauthorized',
        headers: { 'content-type': [{ key: 'Content-Type', value: 'text/plain; charset=utf-8' }] },
        body: 'The sign-in did not work. Please try again.',
    };
}

function parseCookies(lines = []) {
    const pairs = lines.flatMap(({ value }) => value.split(';')).map((pair) => pair.trim().split(/=(.*)/s));
    return new Map(pairs.filter(([name, value]) => name && value !== undefined));
}
