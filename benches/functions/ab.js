// Viewer request: without the cookie of an earlier visit, a viewer's variant comes from a hash of five headers.
const INPUTS = ['user-agent', 'accept-language', 'accept', 'accept-encoding', 'referer'];
const ROUNDS = 200;

function handler(event) {
    const request = event.request;
    const cookie = request.cookies.variant;
    const variant = cookie ? cookie.value : assign(request.headers);
    request.headers['x-variant'] = { value: variant };
    if (variant === 'b') {
        request.uri = '/b' + request.uri;
    }
    return request;
}

function assign(headers) {
    const seed = INPUTS.map(function (name) {
        return headers[name] ? headers[name].value : '';
    }).join('|');
    let hash = 0;
    for (let i = 0; i < ROUNDS; i++) {
        hash = (hash * 31 + seed.charCodeAt(i % seed.length)) | 0;
    }
    return (hash >>> 0) % 100 < 10 ? 'b' : 'a';
}
