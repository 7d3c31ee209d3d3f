// What the issuer says of itself, its keys and its tokens. Kept for as long as the execution environment lives.
import { createPublicKey, verify } from 'node:crypto';

const PATIENCE_MS = 3000;
const KEYS_AGAIN_MS = 60_000;
let discovered;
let keys = { fetchedAt: 0, byId: new Map() };

const json = async (url, options) => {
    const response = await fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) {
        throw new Error(`${url} answered ${response.status}`);
    }
    return response.json();
};

/** Where its endpoints are (OpenID Connect Discovery). */
export const issuer = async (config) => {
    discovered ??= await json(`${config.issuer}/.well-known/openid-configuration`);
    return discovered;
};

/** The ID token for a code; undefined = the issuer does not take the code. */
export async function exchangeCode(config, code, verifier) {
    const body = new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: config.client_id,
        redirect_uri: config.callback,
        code,
        code_verifier: verifier,
    });
    try {
        return (await json((await issuer(config)).token_endpoint, { method: 'POST', body })).id_token;
    } catch (error) {
        console.warn(error.message);
        return undefined;
    }
}

/** The claims of a token that the issuer signed for us and that has not expired. */
export async function verifiedClaims(config, token) {
    const parts = token.split('.');
    const [header, claims] = parts.slice(0, 2).map(parsed);
    if (parts.length !== 3 || header?.alg !== 'RS256' || !claims) {
        return undefined;
    }
    const key = await keyOf(config, header.kid);
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (!key || !verify('sha256', signed, key, Buffer.from(parts[2], 'base64url'))) {
        return undefined;
    }
    const forUs = [claims.aud].flat().includes(config.client_id);
    return claims.iss === config.issuer && forUs && claims.exp > Date.now() / 1000 ? claims : undefined;
}

/** Keys change; one that is not known is asked for, but not for every token that names one. */
async function keyOf(config, id) {
    if (!keys.byId.has(id) && Date.now() - keys.fetchedAt > KEYS_AGAIN_MS) {
        const { keys: published } = await json((await issuer(config)).jwks_uri);
        const rsa = published.filter((key) => key.kty === 'RSA');
        keys = { fetchedAt: Date.now(), byId: new Map(rsa.map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })])) };
    }
    return keys.byId.get(id);
}

function parsed(part = '') {
    try {
        return JSON.parse(Buffer.from(part, 'base64url'));
    } catch {
        return undefined;
    }
}
