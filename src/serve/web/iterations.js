// What each iteration changed: files at the first look, lines at the second.
import { get, request } from "/web/api.js";
import { el, notice } from "/web/dom.js";
import { ago, bytes, count } from "/web/format.js";
import { compare, fold } from "/web/difflines.js";

const TEXT_MAX = 1 << 20, LINES_MAX = 3000;
const letters = { A: "Added", D: "Removed", M: "Changed", P: "Mode changed", T: "Type changed" };

const path = (name) => name.split("/").map(encodeURIComponent).join("/");

async function text(id, snapshot, name, size) {
	if (!snapshot || size === undefined)
		return "";
	if (size > TEXT_MAX)
		throw new Error(`It has ${bytes(size)}: too much to be compared here.`);
	const data = await (await request(`/api/generations/${id}/files/${snapshot}/${path(name)}`)).text();
	if (data.includes("\0"))
		throw new Error("It is no text.");
	return data;
}

function lineOf(line) {
	const sign = { "+": "Added: ", "-": "Removed: " }[line.kind];
	if (line.kind === "…")
		return el("li.gap", {}, count(line.count, "equal line"));
	return el(`li${{ "+": ".plus", "-": ".minus" }[line.kind] || ""}`, {}, sign ? el("span.visually-hidden", {}, sign) : null, line.text || " ");
}

async function fillFile(box, id, change, from, to) {
	box.replaceChildren(el("p.muted", {}, "Loading…"));
	try {
		const [before, after] = await Promise.all([text(id, from, change.path, change.old_size), text(id, to, change.path, change.new_size)]);
		const list = fold(compare(before, after));
		box.replaceChildren(list.length ? el("ol.diff", { tabindex: "0", "aria-label": `Changes of ${change.path}` }, ...list.slice(0, LINES_MAX).map(lineOf))
			: el("p.muted", {}, "It is empty."));
		if (list.length > LINES_MAX)
			box.append(el("p.muted", {}, `${count(list.length - LINES_MAX, "more line")} not shown.`));
	} catch (error) {
		box.replaceChildren(el("p.muted", {}, error.message));
	}
}

// Filled when it is opened for the first time.
function once(details, fill) {
	let filled = false;
	details.addEventListener("toggle", () => {
		if (details.open && !filled) {
			filled = true;
			fill();
		}
	});
	return details;
}

function fileOf(id, change, from, to) {
	const box = el("div");
	const size = change.new_size ?? change.old_size;
	return once(el("details.change", {},
		el("summary", {}, el(`span.letter.${change.status}`, { title: letters[change.status] }, change.status), el("span.file", {}, change.path),
			el("span.size", {}, size === undefined ? "" : bytes(size))), box), () => fillFile(box, id, change, from, to));
}

async function fillChanges(box, id, from, to) {
	box.replaceChildren(el("p.muted", {}, "Loading changes…"));
	try {
		const d = await get(`/api/generations/${id}/diff?to=${to}${from ? `&from=${from}` : ""}`);
		box.replaceChildren(el("p.muted", {}, d.changes.length ? `${d.added} added, ${d.modified} changed, ${d.removed} removed` : "Nothing changed."),
			...d.changes.map((change) => fileOf(id, change, from, to)));
		if (d.truncated)
			box.append(el("p.muted", {}, "There are more; “genstore diff” shows all."));
	} catch (error) {
		box.replaceChildren(notice("error", "Changes cannot be shown", error.message));
	}
}

export class Iterations {
	constructor(id) {
		this.id = id;
		this.known = new Map();
		this.list = el("ol.iterations");
		this.none = el("p.muted", {}, "No iteration is finished yet.");
		this.node = el("section.panel", { "aria-labelledby": "iterations-title" },
			el("div.head", {}, el("h2", { id: "iterations-title" }, "Iterations")), this.none, this.list);
	}

	async look() {
		const { iterations } = await get(`/api/generations/${this.id}/iterations`);
		let from = 0;
		for (const one of iterations) {
			if (!this.known.has(one.id))
				this.add(one, from);
			from = one.id;
		}
		this.none.hidden = this.known.size > 0;
	}

	add(one, from) {
		const box = el("div.changes");
		const name = one.iteration_number ? `Iteration ${one.iteration_number}` : "Snapshot";
		const details = once(el("details.iteration", {},
			el("summary", {}, el("strong", {}, name), el("span.muted", {}, `${count(one.files, "file")}, ${bytes(one.bytes)}`),
				el("span.muted.when", {}, ago(one.timestamp))), box), () => fillChanges(box, this.id, from, one.id));
		this.known.set(one.id, details);
		this.list.append(el("li", {}, details));
	}
}
