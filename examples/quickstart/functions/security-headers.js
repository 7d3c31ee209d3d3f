// Viewer response: the headers every page should have.
function handler(event) {
    var response = event.response;
    response.headers['strict-transport-security'] = { value: 'max-age=63072000; includeSubDomains; preload' };
    response.headers['x-content-type-options'] = { value: 'nosniff' };
    response.headers['x-frame-options'] = { value: 'DENY' };
    return response;
}
