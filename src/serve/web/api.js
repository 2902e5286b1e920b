// Requests: with the token of this tab where there is one, and errors in the words of the server.

const KEY = "genstore-token";
let refused = () => Promise.reject(new Error("not signed in"));

export const token = () => sessionStorage.getItem(KEY);
export const setToken = (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY));
// What to do where a token is asked for: a promise that ends when there is one.
export const onRefused = (f) => (refused = f);

export class Problem extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

async function problem(response) {
	const told = await response.json().catch(() => ({}));
	return new Problem(response.status, told.detail || `The server answered ${response.status}.`);
}

export async function request(path, options = {}) {
	for (;;) {
		const headers = { ...options.headers };
		const sent = token();
		if (sent)
			headers.Authorization = `Bearer ${sent}`;
		let response;
		try {
			response = await fetch(path, { ...options, headers, cache: "no-store" });
		} catch (error) {
			if (error.name === "AbortError")
				throw error;
			throw new Problem(0, "The server does not answer.");
		}
		if (response.status === 401) {
			await refused(Boolean(sent), sent);
			continue;
		}
		if (!response.ok)
			throw await problem(response);
		return response;
	}
}

export const get = async (path, options) => (await request(path, options)).json();

export const post = async (path, body) =>
	(await request(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } })).json();

// Server-sent events by fetch, because EventSource sends no token. Calls f(event, data) until the stream says that it is the end,
// and takes it up where it broke off. The state of the connection goes to onState.
export async function events(path, signal, f, onState) {
	let last = null, over = false, wait = 500;
	while (!over && !signal.aborted) {
		try {
			const response = await request(path, { signal, headers: last === null ? {} : { "Last-Event-ID": last } });
			onState(true);
			wait = 500;
			for await (const one of parse(response.body)) {
				if (one.id !== undefined)
					last = one.id;
				over = one.id === undefined && one.event === "end";
				f(one);
			}
		} catch (error) {
			if (signal.aborted || (error.status >= 400 && error.status < 500))
				return;
		}
		if (over)
			return;
		onState(false);
		await new Promise((done) => setTimeout(done, wait));
		wait = Math.min(wait * 2, 10000);
	}
}

async function* parse(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		text += value;
		const blocks = text.split("\n\n");
		text = blocks.pop();
		for (const block of blocks) {
			const one = {};
			for (const line of block.split("\n")) {
				const at = line.indexOf(": ");
				if (at > 0)
					one[line.slice(0, at)] = line.slice(at + 2);
			}
			if (one.event)
				yield { ...one, data: JSON.parse(one.data) };
		}
	}
}

// Where an artifact can be had by what sends no token: <img>, and the browser's downloads.
export async function address(artifact) {
	if (!token())
		return artifact.download_url;
	const made = await get(artifact.download_url.replace("/download/", "/download-url/") + "?expires_in=600");
	const url = new URL(made.download_url);
	return url.pathname + url.search;
}

function click(href, name) {
	const link = document.createElement("a");
	link.href = href;
	link.download = name;
	document.body.append(link);
	link.click();
	link.remove();
}

// Saves what is behind a path. With a token it goes through memory, since the browser's own downloads would send none.
export async function save(path, name) {
	if (!token())
		return click(path, name);
	const url = URL.createObjectURL(await (await request(path)).blob());
	click(url, name);
	setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export const saveArtifact = async (artifact) => click(await address(artifact), artifact.name.split("/").pop());
