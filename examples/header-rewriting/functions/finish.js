// Viewer response: what each answer should carry, from the cache or not.
const SECURITY = {
    'strict-transport-security': 'max-age=63072000; includeSubDomains',
    'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'strict-origin-when-cross-origin',
};

function handler(event) {
    const request = event.request;
    const response = event.response;
    const headers = response.headers;
    // As normalise.js left it.
    const language = request.headers['x-language'].value;

    Object.keys(SECURITY).forEach(function (name) {
        headers[name] = { value: SECURITY[name] };
    });
    delete headers['x-powered-by'];
    headers['content-language'] = { value: language };
    // For the browser: the node itself keeps the page as long as the cache policy says.
    headers['cache-control'] = { value: 'private, max-age=60' };

    const cookie = request.cookies.language;
    if (!cookie || cookie.value !== language) {
        response.cookies.language = { value: language, attributes: 'Path=/; Max-Age=31536000; SameSite=Lax' };
    }
    return response;
}
