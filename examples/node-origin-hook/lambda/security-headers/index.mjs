const HEADERS = {
    'Strict-Transport-Security': 'max-age=63072000; includeSubdomains; preload',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
};

export const handler = async (event) => {
    const { response } = event.Records[0].cf;
    for (const [key, value] of Object.entries(HEADERS)) response.headers[key.toLowerCase()] = [{ key, value }];
    return response;
};
