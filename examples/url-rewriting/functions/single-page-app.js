// Viewer request: the routes of the app are its one page; its files are files, and a missing file is a 404.
function handler(event) {
    const request = event.request;
    const uri = request.uri;
    if (!uri.slice(uri.lastIndexOf('/')).includes('.')) {
        request.uri = '/app/index.html';
    }
    return request;
}
