// Viewer request: a folder means its index page.
function handler(event) {
    var request = event.request;
    var uri = request.uri;
    if (uri.endsWith('/')) {
        request.uri = uri + 'index.html';
    } else if (!uri.slice(uri.lastIndexOf('/')).includes('.')) {
        request.uri = uri + '/index.html';
    }
    return request;
}
