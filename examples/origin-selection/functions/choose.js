// Viewer request: where the request goes. Tenants have a part of the app each, testers get the next release, and reports come
// from a server that the app stands in for.
import cf from 'cloudfront';

async function handler(event) {
    const request = event.request;
    const release = request.cookies.release;

    if (request.uri.startsWith('/reports/')) {
        cf.createRequestOriginGroup({
            originIds: ['reports', 'app'],
            failoverCriteria: { statusCodes: [500, 502, 503, 504] },
        });
        cf.logCustomData('reports');
        return request;
    }
    if (release && release.value === 'next') {
        cf.selectRequestOriginById('next');
        cf.logCustomData('next');
        return request;
    }
    const tenant = request.headers['x-tenant'];
    if (tenant) {
        const known = await cf.kvs().exists(tenant.value);
        if (!known) {
            return { statusCode: 404, statusDescription: 'Not Found', body: 'no such tenant' };
        }
        const settings = await cf.kvs().get(tenant.value, { format: 'json' });
        // What is not given stays as the behavior's origin has it, but for its headers: these take the place of all of them.
        cf.updateRequestOrigin({
            originPath: settings.path,
            customHeaders: { 'x-plan': settings.plan },
            timeouts: { readTimeout: settings.plan === 'premium' ? 60 : 10 },
        });
        cf.logCustomData('tenant ' + tenant.value);
    }
    return request;
}
