'use strict';

// As many functions for Lambda@Edge are written: CommonJS and a callback, which Node.js 22 is the last of Lambda's versions to take.
exports.handler = (event, context, callback) => {
    const { request } = event.Records[0].cf;
    const last = request.uri.split('/').pop();
    if (last !== '' && !last.includes('.')) {
        console.log('a folder without its slash: %s', request.uri);
        callback(null, {
            status: '301',
            headers: { location: [{ key: 'Location', value: `${request.uri}/` }] },
        });
        return;
    }
    if (last === '') request.uri += 'index.html';
    callback(null, request);
};
