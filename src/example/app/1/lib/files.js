import { readFile } from 'node:fs/promises';
import { extname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HttpError } from './http.js';

const root = fileURLToPath(new URL('../public', import.meta.url));
const types = {
	'.html': 'text/html; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.json': 'application/json',
	'.webmanifest': 'application/manifest+json',
	'.png': 'image/png',
};

function locate(path) {
	let name;

	try {
		name = decodeURIComponent(path);
	} catch {
		throw new HttpError(400, 'that address cannot be read');
	}
	const parts = name.split('/').filter(Boolean);
	if (name.includes('\0') || name.includes('\\') || parts.some((part) => part.startsWith('.')))
		throw new HttpError(404, 'no such page');
	return [root, ...(parts.length ? parts : ['index.html'])].join(sep);
}

export async function sendFile(req, res, path) {
	if (req.method !== 'GET' && req.method !== 'HEAD')
		throw new HttpError(405, 'this address does not take that method');
	const file = locate(path);
	const bytes = await readFile(file).catch(() => {
		throw new HttpError(404, 'no such page');
	});
	res.writeHead(200, {
		'content-type': types[extname(file)] ?? 'application/octet-stream',
		'content-length': bytes.length,
		'cache-control': 'no-cache',
		'content-security-policy': "default-src 'self'",
		'x-content-type-options': 'nosniff',
	});
	res.end(req.method === 'HEAD' ? undefined : bytes);
}
