import { createApp } from './lib/app.js';

const port = Number(process.env.PORT ?? 3000);
const host = process.env.HOST ?? '127.0.0.1';
const file = process.env.DATA_FILE ?? new URL('./data/todos.json', import.meta.url);

const server = createApp(file);
server.listen(port, host, () => {
	console.log(`listening on http://${host}:${server.address().port}/`);
});
for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => {
		server.close();
		server.closeAllConnections?.();
	});
