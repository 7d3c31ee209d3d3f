// Viewer response: shows whom the native check let in, from the header it made of the token's `sub`.
function handler(event) {
    const response = event.response;
    const user = event.request.headers['x-user'];
    if (user) {
        response.headers['x-hello'] = { value: user.value };
    }
    return response;
}
