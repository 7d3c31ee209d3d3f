// Viewer response: gives the viewer the cookie of the variant that choose.js chose, unless it has it.
function handler(event) {
    const request = event.request;
    const response = event.response;
    const variant = request.headers['x-variant'].value;
    const cookie = request.cookies['fn-checkout'];
    if (!cookie || cookie.value !== variant) {
        response.cookies['fn-checkout'] = { value: variant, attributes: 'Path=/; Max-Age=2592000; SameSite=Lax' };
    }
    return response;
}
