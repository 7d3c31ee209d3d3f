// What functions/uri.js does, as somebody who knows nginx would write it: no event, no request, only the URI.
function uri(r) {
    var uri = r.uri;
    if (uri.endsWith('/')) {
        return uri + 'index.html';
    }
    if (!uri.slice(uri.lastIndexOf('/')).includes('.')) {
        return uri + '/index.html';
    }
    return uri;
}

export default { uri };
