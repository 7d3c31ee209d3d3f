const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Everything in it comes from the viewer. */
const escape = (text) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]);

export const page = ({ language, greeting, name, sign }) => `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<title>${greeting}</title>
<h1>${greeting}, ${escape(name)}${escape(sign)}</h1>
`;
