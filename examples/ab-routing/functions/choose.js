// Viewer request: the variant of the viewer's cookie, or a new one by weight; b lives under /b at the origin.
const SHARE_OF_B = 0.1;

function handler(event) {
    const request = event.request;
    const cookie = request.cookies['fn-checkout'];
    let variant = cookie ? cookie.value : '';
    if (variant !== 'a' && variant !== 'b') {
        variant = Math.random() < SHARE_OF_B ? 'b' : 'a';
    }
    // For remember.js, which sees this request; a viewer's own x-variant is overwritten.
    request.headers['x-variant'] = { value: variant };
    if (variant === 'b') {
        request.uri = '/b' + request.uri;
    }
    return request;
}
