// Origin request: renders a page, and leaves every other path to the origin.
import { createHash } from 'node:crypto';
import { page } from './page.js';

const GREETINGS = new Map([['en', 'Hello'], ['de', 'Hallo'], ['fr', 'Bonjour']]);
const PATH = /^\/hello\/([^/]{1,64})$/;

export const handler = async (event) => {
    const { request } = event.Records[0].cf;
    const match = PATH.exec(request.uri);
    if (!match) {
        return request;
    }
    let name;
    try {
        name = decodeURIComponent(match[1]);
    } catch {
        return { status: '400', statusDescription: 'Bad Request', body: 'That is not a name.' };
    }
    const language = preferred(request.headers['accept-language']);
    const sign = new URLSearchParams(request.querystring).get('sign') ?? '!';
    const body = page({ language, greeting: GREETINGS.get(language), name, sign: sign.slice(0, 8) });
    console.log('rendered', request.uri, language);
    return {
        status: '200',
        statusDescription: 'OK',
        headers: {
            'content-type': [{ key: 'Content-Type', value: 'text/html; charset=utf-8' }],
            'content-language': [{ key: 'Content-Language', value: language }],
            'cache-control': [{ key: 'Cache-Control', value: 'public, max-age=60' }],
            etag: [{ key: 'ETag', value: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }],
        },
        body,
    };
};

/** The first language of `Accept-Language` that there is a greeting for. */
function preferred(lines = []) {
    const wanted = lines.flatMap(({ value }) => value.split(',')).map((range) => range.trim().slice(0, 2).toLowerCase());
    return wanted.find((language) => GREETINGS.has(language)) ?? 'en';
}
