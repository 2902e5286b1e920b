import { hooks, make } from '../core.js';

hooks.start.push(() => {
	document.head.append(make('link', { rel: 'manifest', href: '/app.webmanifest' }));
	navigator.serviceWorker?.register('/sw.js').catch(() => {});
});
