// Viewer request: lets a request pass only with a JSON Web Token that was signed with our secret (HS256).
import crypto from 'crypto';
import cf from 'cloudfront';

const kvs = cf.kvs();

const ISSUER = 'https://issuer.example/';
const AUDIENCE = 'web';
const CLOCK_SKEW_S = 60;

async function handler(event) {
    const request = event.request;
    const token = findToken(request);
    // The token must not become part of the cache key, and nobody but us says who the user is.
    delete request.querystring.jwt;
    delete request.headers['x-user'];
    if (!token) {
        return unauthorized('Bearer realm="login"');
    }
    const secret = await kvs.get('jwt.secret');
    let claims;
    try {
        claims = verify(token, secret);
    } catch (error) {
        console.log('refused: ' + error.message);
        return unauthorized('Bearer realm="login", error="invalid_token"');
    }
    request.headers['x-user'] = { value: claims.sub };
    return request;
}

// The first of the header, the cookie and the query string.
function findToken(request) {
    const authorization = request.headers.authorization;
    if (authorization && authorization.value.toLowerCase().startsWith('bearer ')) {
        return authorization.value.slice(7).trim();
    }
    if (request.cookies.session) {
        return request.cookies.session.value;
    }
    return request.querystring.jwt && request.querystring.jwt.value;
}

// The claims of a token, or an Error that says what is wrong with it.
function verify(token, secret) {
    const parts = token.split('.');
    if (parts.length !== 3) {
        throw new Error('not three parts');
    }
    const header = decode(parts[0]);
    if (header.alg !== 'HS256') {
        throw new Error('algorithm ' + header.alg);
    }
    const signature = crypto.createHmac('sha256', secret).update(parts[0] + '.' + parts[1]).digest('base64url');
    if (!isEqual(signature, parts[2])) {
        throw new Error('bad signature');
    }
    const claims = decode(parts[1]);
    const now = Date.now() / 1000;
    if (typeof claims.exp !== 'number' || now >= claims.exp + CLOCK_SKEW_S) {
        throw new Error('expired');
    }
    if (claims.nbf !== undefined && !(now + CLOCK_SKEW_S >= claims.nbf)) {
        throw new Error('not valid yet');
    }
    if (claims.iss !== ISSUER || [].concat(claims.aud).indexOf(AUDIENCE) < 0) {
        throw new Error('another issuer or audience');
    }
    if (typeof claims.sub !== 'string' || !/^[\w.@-]{1,128}$/.test(claims.sub)) {
        throw new Error('no usable subject');
    }
    return claims;
}

function decode(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
}

// Takes the same time wherever the two differ.
function isEqual(a, b) {
    if (a.length !== b.length) {
        return false;
    }
    let difference = 0;
    for (let i = 0; i < a.length; i++) {
        difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
    }
    return difference === 0;
}

function unauthorized(challenge) {
    return {
        statusCode: 401,
        statusDescription: 'Unauthorized',
        headers: { 'www-authenticate': { value: challenge }, 'cache-control': { value: 'no-store' } },
    };
}
