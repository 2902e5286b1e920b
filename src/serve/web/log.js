// What the generator says, as it says it. The newest lines only: all of them are in the file.
import { save } from "/web/api.js";
import { el, setText } from "/web/dom.js";
import { clock, count } from "/web/format.js";

const LINES = 2000;

export class Log {
	constructor(id) {
		this.waiting = [];
		this.dropped = 0;
		this.lines = el("ol.lines");
		this.box = el("div.log", { tabindex: "0", role: "log", "aria-label": "Log", "aria-live": "off" }, this.lines);
		this.cut = el("p.muted", { hidden: true });
		this.none = el("p.muted.none", {}, "Nothing was said yet.");
		this.debug = el("input", { type: "checkbox", onchange: () => this.box.classList.toggle("debug", this.debug.checked) });
		this.node = el("section.panel", { "aria-labelledby": "log-title" },
			el("div.head", {}, el("h2", { id: "log-title" }, "Log"), el("label.check", {}, this.debug, "Details"),
				el("button.quiet", { onclick: () => save(`/api/generations/${id}/log`, `${id}.log`) }, "Save as text")),
			this.cut, this.none, this.box);
	}

	add(one) {
		if (!this.waiting.length)
			requestAnimationFrame(() => this.flush());
		this.waiting.push(one);
	}

	flush() {
		const follows = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
		const come = this.waiting.splice(0);
		this.dropped += Math.max(0, come.length - LINES);
		this.lines.append(...come.slice(-LINES).map(({ data }) =>
			el(`li.${data.level}`, {}, el("time", { datetime: data.at }, clock(data.at)), el("span", {}, data.line))));
		while (this.lines.childElementCount > LINES) {
			this.lines.firstElementChild.remove();
			this.dropped++;
		}
		this.none.hidden = true;
		this.cut.hidden = !this.dropped;
		setText(this.cut, `${count(this.dropped, "earlier line is", "earlier lines are")} only in the file.`);
		if (follows)
			this.box.scrollTop = this.box.scrollHeight;
	}
}
