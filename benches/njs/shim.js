// Runs a CloudFront Function in nginx: the event of a viewer request is built as CloudFront builds it, the function runs, and
// the URI it gives is what nginx looks up and asks the origin for. The function's source stands in front of this text.
function add(section, name, value) {
    var known = section[name];
    if (known === undefined) {
        section[name] = { value: value };
        return;
    }
    if (known.multiValue === undefined) {
        known.multiValue = [{ value: known.value }];
    }
    known.multiValue.push({ value: value });
}

function pairs(section, text, separator) {
    var parts = text.split(separator);
    for (var i = 0; i < parts.length; i++) {
        var part = parts[i].trim();
        if (part === '') {
            continue;
        }
        var at = part.indexOf('=');
        if (at < 0) {
            add(section, part, '');
        } else {
            add(section, part.slice(0, at), part.slice(at + 1));
        }
    }
}

function uri(r) {
    var headers = {}, cookies = {}, querystring = {};
    var lines = r.rawHeadersIn;
    for (var i = 0; i < lines.length; i++) {
        var name = lines[i][0].toLowerCase();
        if (name === 'cookie') {
            pairs(cookies, lines[i][1], ';');
        } else {
            add(headers, name, lines[i][1]);
        }
    }
    pairs(querystring, r.variables.args || '', '&');
    var event = {
        version: '1.0',
        context: {
            distributionDomainName: 'd111111abcdef8.cloudfront.net',
            distributionId: 'EDFDVBD6EXAMPLE',
            eventType: 'viewer-request',
            requestId: r.variables.request_id,
        },
        viewer: { ip: r.remoteAddress },
        request: { method: r.method, uri: r.uri, querystring: querystring, headers: headers, cookies: cookies },
    };
    return handler(event).uri;
}

export default { uri };
