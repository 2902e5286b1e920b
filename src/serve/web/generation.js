// #/generations/<request id>: one generation, live while it runs.
import { events, get, post, save } from "/web/api.js";
import { Artifacts, Screenshots, tell } from "/web/artifacts.js";
import { Decision } from "/web/decision.js";
import { el, notice, say, setText } from "/web/dom.js";
import { bytes, count, duration, moment, money, word } from "/web/format.js";
import { Iterations } from "/web/iterations.js";
import { Log } from "/web/log.js";
import { Sync } from "/web/sync.js";

const LOOK_MS = 1500, SOON_MS = 150;
const isFinal = (status) => ["completed", "failed", "cancelled"].includes(status);
// What may be wished of it in which state.
const wishes = [
	{ action: "pause", name: "Pause", when: ["generating"] }, { action: "continue", name: "Continue", when: ["paused"] },
	{ action: "cancel", name: "Cancel", when: ["queued", "generating", "paused"], sure: "Cancel this generation? What is finished is kept." },
];

export class Generation {
	constructor(place, id, changed) {
		Object.assign(this, { place, id, changed, path: `/api/generations/${encodeURIComponent(id)}`, ended: new AbortController() });
	}

	async start() {
		this.place.replaceChildren(el("p.muted.loading", {}, "Loading…"));
		try {
			this.g = await get(this.path);
		} catch (error) {
			return this.fail(error);
		}
		if (this.ended.signal.aborted)
			return;
		this.build();
		this.show(this.g);
		await this.lookAround();
		events(`${this.path}/events`, this.ended.signal, (one) => this.hear(one), (there) => this.away(there));
		this.timer = setInterval(() => this.tick(), LOOK_MS);
	}

	stop() {
		this.ended.abort();
		clearInterval(this.timer);
		clearTimeout(this.soon);
	}

	fail(error) {
		this.place.replaceChildren(error.status === 404
			? notice("empty", "There is no such generation", "It was removed, or it is not yours.", el("a", { href: "#/" }, "All generations"))
			: notice("error", "It cannot be shown", error.message, el("button.quiet", { onclick: () => this.start() }, "Try again")));
	}

	build() {
		const g = this.g;
		this.status = el("span.status");
		this.buttons = wishes.map((wish) => ({ ...wish, node: el("button", { onclick: () => this.wish(wish) }, wish.name) }));
		this.progress = el("progress", { "aria-label": "Iterations done" });
		this.progressText = el("span.muted");
		this.bar = el("div.bar", {}, this.progress, this.progressText);
		this.problem = el("div");
		this.facts = el("dl.facts");
		this.download = el("button.primary", { onclick: () => this.save() }, "Download app.tar.gz");
		this.decision = new Decision(this.id, () => this.look());
		this.iterations = new Iterations(this.id);
		this.screenshots = new Screenshots();
		this.artifacts = new Artifacts(this.id);
		this.sync = new Sync(this.id);
		this.log = new Log(this.id);
		this.place.replaceChildren(
			el("a.back", { href: "#/" }, "← Generations"),
			el("div.title", {}, el("div.names", {}, el("h1", {}, g.app_name, " ", el("span.number", {}, `#${g.generation_number}`)),
				el("p.muted", {}, el("code", {}, g.request_id))), this.status,
			el("div.buttons", {}, ...this.buttons.map((one) => one.node), this.download)),
			this.bar, this.problem, this.decision.node,
			el("section.panel", { "aria-label": "Overview" }, el("p.asked", {}, g.prompt || "No prompt was kept."), this.facts),
			this.iterations.node, this.screenshots.node, this.artifacts.node, this.sync.node, this.log.node);
		document.title = `${g.app_name} · genstore`;
	}

	show(g) {
		this.g = g;
		this.status.dataset.status = g.status;
		this.status.parentElement.dataset.status = g.status;
		setText(this.status, word(g.status));
		for (const { node, when } of this.buttons)
			node.hidden = !when.includes(g.status);
		this.download.hidden = !g.archive_size;
		this.bar.hidden = isFinal(g.status);
		this.progress.max = Math.max(1, g.max_iterations);
		if (g.status === "queued" || (g.status === "generating" && g.max_iterations < 2))
			this.progress.removeAttribute("value");
		else
			this.progress.value = g.current_iteration;
		setText(this.progressText, g.status === "queued" ? "Waits for a worker" : `${g.current_iteration} of ${count(g.max_iterations, "iteration")} done`);
		this.problem.replaceChildren(...(g.error_message ? [notice(g.status === "failed" ? "error" : "empty", word(g.status), g.error_message)] : []));
		this.decision.show(isFinal(g.status) ? null : g.question);
		this.showFacts(g);
	}

	showFacts(g) {
		const c = g.costs, tokens = c.input_tokens + c.output_tokens;
		const facts = [
			["Mode", word(g.mode)], ["Iterations", `${g.current_iteration} of ${g.max_iterations}`],
			["Cost", tokens || c.cost_usd ? money(c.cost_usd) : "—"],
			["Tokens", tokens ? `${c.input_tokens.toLocaleString("en")} in, ${c.output_tokens.toLocaleString("en")} out` : "—"],
			["Generator’s time", c.duration_ms ? duration(c.duration_ms) : "—"], ["Archive", g.archive_size ? bytes(g.archive_size) : "—"],
			["Began", moment(g.created_at)], ["Ended", g.completed_at ? moment(g.completed_at) : "—"],
		];
		const key = JSON.stringify(facts);
		if (key === this.shownFacts)
			return;
		this.shownFacts = key;
		this.facts.replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
	}

	state() {
		return [this.g.status, this.g.current_iteration, this.g.archive_size].join();
	}

	async look() {
		const before = this.state();
		this.show(await get(this.path));
		if (before === this.state())
			return;
		this.changed();
		await this.lookAround();
	}

	// What belongs to it, each by itself: one that fails leaves the others.
	async lookAround() {
		const tasks = [this.iterations.look(), this.sync.look(Boolean(this.g.archive_size)),
			this.artifacts.look().then((found) => found && this.screenshots.show(found.artifacts))];
		await Promise.all(tasks.map(tell));
	}

	hear(one) {
		if (one.id !== undefined)
			this.log.add(one);
		if (one.id === undefined || ["iteration_complete", "screenshot", "decision_prompt", "decision_follow_up", "all_work_complete"].includes(one.event))
			this.lookSoon();
	}

	lookSoon() {
		clearTimeout(this.soon);
		this.soon = setTimeout(() => tell(this.look().then(() => this.lookAround())), SOON_MS);
	}

	// What no event tells: a question that is answered elsewhere, a sync that goes on.
	tick() {
		if (document.hidden)
			return;
		if (!isFinal(this.g.status))
			this.look().catch(() => {});
		if (this.sync.busy)
			this.sync.look(Boolean(this.g.archive_size)).catch(() => {});
	}

	away(there) {
		if (!there && !isFinal(this.g.status))
			say("The connection broke off; trying again.");
	}

	async wish({ action, sure }) {
		if (sure && !confirm(sure))
			return;
		this.buttons.forEach((one) => (one.node.disabled = true));
		try {
			await post(`${this.path}/control`, { action });
			await this.look();
		} catch (error) {
			this.problem.replaceChildren(notice("error", "It could not be done", error.message));
		}
		this.buttons.forEach((one) => (one.node.disabled = false));
	}

	async save() {
		this.download.disabled = true;
		await tell(save(`${this.path}/app.tar.gz`, "app.tar.gz"));
		this.download.disabled = false;
	}
}
