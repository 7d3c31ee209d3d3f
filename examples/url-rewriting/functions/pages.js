// Viewer request: one URL for each page. Pages that moved are redirected (KeyValueStore), a page lives under its language
// and ends with a slash, and such a folder means its index page.
import cf from 'cloudfront';

const redirects = cf.kvs();
const LANGUAGES = ['en', 'de'];

async function handler(event) {
    const request = event.request;
    // "//host" and "/\host" in a Location would lead to another site.
    const uri = request.uri.replace(/^[\/\\]+/, '/');
    const isFile = uri.slice(uri.lastIndexOf('/')).includes('.');
    const page = isFile || uri.endsWith('/') ? uri : uri + '/';

    const moved = await redirects.exists(page);
    if (moved) {
        const target = await redirects.get(page);
        return redirect(request, 301, target);
    }
    if (isFile) {
        request.uri = uri;
        return request;
    }
    if (!LANGUAGES.includes(uri.split('/')[1])) {
        return redirect(request, 302, '/' + language(request.headers['accept-language']) + page);
    }
    if (page !== request.uri) {
        return redirect(request, 301, page);
    }
    request.uri = page + 'index.html';
    return request;
}

// The first of the viewer's languages that we have.
function language(header) {
    const wanted = header ? header.value.toLowerCase().split(',') : [];
    const known = wanted.map(function (range) {
        return range.trim().split(/[-;]/)[0];
    }).filter(function (code) {
        return LANGUAGES.includes(code);
    });
    return known.length ? known[0] : LANGUAGES[0];
}

// The query string goes along. Browsers may keep what moved for good, and ask again for what depends on the viewer.
function redirect(request, status, target) {
    const query = request.rawQueryString();
    return {
        statusCode: status,
        statusDescription: status === 301 ? 'Moved Permanently' : 'Found',
        headers: {
            location: { value: query ? target + '?' + query : target },
            'cache-control': { value: status === 301 ? 'max-age=3600' : 'no-store' },
        },
    };
}
