const LIMIT = 1 << 20;

export class HttpError extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

// A form of another site cannot send this content type: that keeps strangers' pages out.
export async function readJson(req) {
	const chunks = [];
	let size = 0;

	if (!/^application\/json\b/.test(req.headers['content-type'] ?? ''))
		throw new HttpError(415, 'send application/json');
	for await (const chunk of req) {
		size += chunk.length;
		if (size > LIMIT)
			throw new HttpError(413, 'that is more than a megabyte');
		chunks.push(chunk);
	}
	try {
		return JSON.parse(Buffer.concat(chunks).toString('utf8'));
	} catch {
		throw new HttpError(400, 'the body is not JSON');
	}
}

export function sendJson(res, status, value, headers = {}) {
	const body = value === undefined ? '' : JSON.stringify(value);

	res.writeHead(status, {
		'content-type': 'application/json; charset=utf-8',
		'content-length': Buffer.byteLength(body),
		'cache-control': 'no-store',
		...headers,
	});
	res.end(body);
}
