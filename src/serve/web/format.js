// Sizes, times and money as people read them.

export function bytes(n) {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let i = 0;
	while (n >= 1000 && i < units.length - 1) {
		n /= 1000;
		i++;
	}
	return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function duration(ms) {
	const s = Math.round(ms / 1000);
	if (ms < 1000)
		return `${ms} ms`;
	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${s % 60} s`;
	return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export const money = (usd) => (usd && usd < 0.01 ? "under $0.01" : `$${usd.toFixed(2)}`);

// Times of the tables are UTC, with or without a Z.
const date = (text) => new Date(/Z$/.test(text) ? text : `${text.replace(" ", "T")}Z`);

export const moment = (text) => date(text).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const clock = (text) => date(text).toLocaleTimeString("en-GB");

export function ago(text) {
	const s = Math.max(0, (Date.now() - date(text)) / 1000);
	if (s < 60)
		return "just now";
	if (s < 3600)
		return `${Math.floor(s / 60)} min ago`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ago`;
	if (s < 30 * 86400)
		return count(Math.floor(s / 86400), "day") + " ago";
	return date(text).toLocaleDateString([], { dateStyle: "medium" });
}

export const words = {
	queued: "Queued", generating: "Generating", paused: "Paused", completed: "Completed", failed: "Failed", cancelled: "Cancelled",
	"single-shot": "Single shot", autonomous: "Autonomous", confirm_first: "Asks after each iteration",
};
export const word = (name) => words[name] || name;
