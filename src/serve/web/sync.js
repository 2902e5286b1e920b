// Where a generation is besides here, and sending it there.
import { get, post } from "/web/api.js";
import { el, notice } from "/web/dom.js";
import { ago } from "/web/format.js";

const remotes = { s3: "S3", github: "GitHub" };
const states = { local: "Only here", queued: "Waits", syncing: "Sending", synced: "Synced", failed: "Failed" };

export class Sync {
	constructor(id) {
		this.path = `/api/generations/${id}/sync`;
		this.note = el("div");
		this.rows = Object.entries(remotes).map(([remote, name]) => this.row(remote, name));
		this.node = el("section.panel", { "aria-labelledby": "sync-title" },
			el("div.head", {}, el("h2", { id: "sync-title" }, "Sync")), el("ul.places", {}, ...this.rows.map((row) => row.item)), this.note);
	}

	row(remote, name) {
		const row = { remote, state: el("span.state"), more: el("span.muted.where"),
			button: el("button", { disabled: true, onclick: () => this.send(remote) }, `Sync to ${name}`) };
		row.item = el("li", {}, el("strong", {}, name), row.state, row.more, row.button);
		return row;
	}

	get busy() {
		return this.rows.some((row) => ["queued", "syncing"].includes(row.is));
	}

	async look(sealed) {
		this.sealed = sealed;
		this.show(await get(this.path));
	}

	show(told) {
		for (const row of this.rows) {
			const place = told[row.remote];
			row.is = place ? place.state : "local";
			row.state.dataset.state = row.is;
			row.state.textContent = states[row.is] + (place?.percentage ? ` ${place.percentage} %` : "");
			row.more.textContent = place ? place.error || (row.is === "synced" ? `${place.url || ""} ${ago(place.updated_at)}`.trim() : "") : "";
			row.button.disabled = !this.sealed || !["local", "failed"].includes(row.is);
		}
	}

	async send(remote) {
		this.rows.forEach((row) => (row.button.disabled = true));
		this.note.replaceChildren();
		try {
			this.show(await post(this.path, { to: remote }));
		} catch (error) {
			this.note.replaceChildren(notice("error", "It was not sent", error.message));
			this.look(this.sealed).catch(() => {});
		}
	}
}
