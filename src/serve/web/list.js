// The generations, newest first, at the side: pages of the list, and the first one looked at again and again.
import { get } from "/web/api.js";
import { el, notice, setText } from "/web/dom.js";
import { ago, word } from "/web/format.js";

const PAGE = 50, LOOK_MS = 3000;

export class List {
	constructor(place) {
		this.rows = new Map();
		this.next = null;
		this.items = el("ul.generations");
		this.note = el("div.note");
		this.more = el("button.quiet.more", { onclick: () => this.load(this.next), hidden: true }, "Show older");
		place.append(el("h1.visually-hidden", {}, "Generations"), this.note, this.items, this.more);
		this.note.append(el("p.muted", {}, "Loading generations…"));
	}

	async start() {
		await this.look();
		setInterval(() => document.hidden || this.look(), LOOK_MS);
		document.addEventListener("visibilitychange", () => document.hidden || this.look());
	}

	// A look that comes while one is on its way is that one.
	look() {
		this.looking ??= this.load(null).finally(() => (this.looking = null));
		return this.looking;
	}

	async load(before) {
		try {
			const page = await get(`/api/generations?limit=${PAGE}${before ? `&before=${before}` : ""}`);
			this.take(page, before);
		} catch (error) {
			this.note.replaceChildren(notice("error", "Generations cannot be shown", error.message,
				el("button.quiet", { onclick: () => this.look() }, "Try again")));
		}
	}

	take(page, before) {
		const last = page.generations.at(-1);
		// Of what the first page covers, what is not in it any more was removed.
		if (!before)
			for (const [id, row] of this.rows)
				if ((!page.next || row.order > last.id) && !page.generations.some((g) => g.request_id === id)) {
					row.item.remove();
					this.rows.delete(id);
				}
		for (const g of page.generations)
			this.show(g);
		if (before || this.next === null)
			this.next = page.next;
		this.more.hidden = !this.next;
		this.note.replaceChildren(...(this.rows.size ? [] : [this.empty()]));
	}

	empty() {
		return notice("empty", "Nothing was generated yet", "Begin with “New generation”, or on the command line with",
			el("pre", {}, "genstore generate --app-name todo \\\n  --prompt \"a to-do list\""));
	}

	show(g) {
		const row = this.rows.get(g.request_id) || this.add(g);
		row.link.dataset.status = g.status;
		setText(row.status, word(g.status));
		setText(row.when, ago(g.created_at));
		row.progress.hidden = g.status !== "generating" || g.max_iterations < 2;
		row.progress.max = g.max_iterations;
		row.progress.value = g.current_iteration;
	}

	add(g) {
		const row = { order: g.id, status: el("span.status"), when: el("span.muted"), progress: el("progress", { "aria-label": "Iterations done" }) };
		row.link = el("a", { href: `#/generations/${g.request_id}` },
			el("span.name", {}, el("span.text", {}, g.app_name), el("span.number", {}, `#${g.generation_number}`)), row.when,
			el("span.prompt", {}, g.prompt || "—"), row.status, row.progress);
		row.item = el("li", {}, row.link);
		this.rows.set(g.request_id, row);
		const behind = [...this.rows.values()].filter((other) => other.order < g.id && other.item.isConnected).sort((a, b) => b.order - a.order)[0];
		this.items.insertBefore(row.item, behind ? behind.item : null);
		this.mark(this.marked);
		return row;
	}

	// The one that is open.
	mark(id) {
		this.marked = id;
		for (const [name, row] of this.rows)
			if (name === id)
				row.link.setAttribute("aria-current", "page");
			else
				row.link.removeAttribute("aria-current");
	}
}
