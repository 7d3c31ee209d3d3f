// Viewer request: reduces what viewers send to what the pages depend on, before the cache key is built.
const LANGUAGES = ['en', 'de', 'ko'];
const MOBILE = /Mobi|Android|iPhone/;
const TRACKING = /^(utm_[a-z]+|gclid|fbclid)$/;
// Origins and frameworks believe these; they are not for viewers to send.
const FORGEABLE = ['x-forwarded-host', 'x-original-url', 'x-rewrite-url', 'x-user'];

function handler(event) {
    const request = event.request;
    const headers = request.headers;
    const agent = headers['user-agent'];

    headers['x-language'] = { value: language(request) };
    headers['x-device'] = { value: agent && MOBILE.test(agent.value) ? 'mobile' : 'desktop' };
    FORGEABLE.forEach(function (name) {
        delete headers[name];
    });
    Object.keys(request.querystring).forEach(function (name) {
        if (TRACKING.test(name)) {
            delete request.querystring[name];
        }
    });
    return request;
}

// What the viewer chose before, or the first of its languages that we have.
function language(request) {
    const chosen = request.cookies.language;
    const accepted = request.headers['accept-language'];
    const wanted = (chosen ? chosen.value + ',' : '') + (accepted ? accepted.value : '');
    const known = wanted.toLowerCase().split(',').map(function (range) {
        return range.trim().split(/[-;]/)[0];
    }).filter(function (code) {
        return LANGUAGES.includes(code);
    });
    return known.length ? known[0] : LANGUAGES[0];
}
