// A question of mode confirm_first, to be answered here or anywhere else.
import { post } from "/web/api.js";
import { el, notice } from "/web/dom.js";
import { moment } from "/web/format.js";

// What is answered where the question itself lists nothing.
const usual = [["yes", "Go on"], ["add", "Go on, and add…"], ["redirect", "Build something else…"], ["done", "Done"]];
const names = Object.fromEntries(usual);
const takesText = new Set(["add", "redirect"]);

export class Decision {
	constructor(id, changed) {
		this.path = `/api/generations/${id}/control`;
		this.changed = changed;
		this.node = el("section.panel.decision", { hidden: true, "aria-labelledby": "decision-title" });
	}

	show(question) {
		const key = question ? question.decision_id + question.asked_at : "";
		if (key === this.shown)
			return;
		this.shown = key;
		this.node.hidden = !question;
		this.node.replaceChildren(...(question ? this.form(question) : []));
	}

	form(q) {
		const given = Array.isArray(q.options) && q.options.length ? q.options.map(String) : null;
		const asksText = Boolean(q.action);
		this.text = el("textarea", { rows: "3", "aria-label": "Your words", placeholder: asksText ? "Your answer" : "What is to be added, or built instead" });
		this.text.hidden = !asksText;
		this.wrong = el("div");
		const choices = asksText ? [[q.action, "Answer"]] : given ? given.map((name) => [name, names[name] || name]) : usual;
		this.buttons = choices.map(([choice, name], i) => el(i ? "button" : "button.primary", { onclick: () => this.choose(choice, asksText) }, name));
		return [
			el("p.eyebrow", {}, "The generator asks"), el("h2", { id: "decision-title" }, q.question),
			q.suggested_task ? el("p", {}, "Suggested: ", el("em", {}, q.suggested_task)) : null, this.text,
			el("div.buttons", {}, ...this.buttons), q.until ? el("p.muted", {}, `It waits until ${moment(q.until)}.`) : null, this.wrong,
		].filter(Boolean);
	}

	// A choice that goes with words shows the field first.
	async choose(choice, asksText) {
		const words = this.text.value.trim();
		if ((asksText || takesText.has(choice)) && !words) {
			this.text.hidden = false;
			this.text.focus();
			return;
		}
		this.buttons.forEach((button) => (button.disabled = true));
		this.wrong.replaceChildren();
		try {
			await post(this.path, { action: "answer", choice, ...(words && (asksText || takesText.has(choice)) ? { input: words } : {}) });
			await this.changed();
		} catch (error) {
			this.wrong.replaceChildren(notice("error", "It was not answered", error.message));
		}
		this.buttons.forEach((button) => (button.disabled = false));
	}
}
