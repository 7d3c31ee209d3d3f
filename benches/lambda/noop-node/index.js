// Origin request: changes nothing, and ends when it is told to.
exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    if (request.querystring === 'crash') {
        process.exit(1);
    }
    return request;
};
