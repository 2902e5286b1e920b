// Pages from the network, from the cache when there is none. The API is never cached.
const CACHE = 'pages';

self.addEventListener('fetch', (event) => {
	const url = new URL(event.request.url);

	if (event.request.method !== 'GET' || url.origin !== location.origin || url.pathname.startsWith('/api/'))
		return;
	event.respondWith(
		(async () => {
			const cache = await caches.open(CACHE);
			try {
				const res = await fetch(event.request);
				if (res.ok)
					await cache.put(event.request, res.clone());
				return res;
			} catch (error) {
				const kept = await cache.match(event.request);
				if (!kept)
					throw error;
				return kept;
			}
		})(),
	);
});
