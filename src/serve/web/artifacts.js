// The download panel of a session, and screenshots of a generation: the session that has its request id.
import { address, get, save, saveArtifact } from "/web/api.js";
import { el, notice, say } from "/web/dom.js";
import { bytes, count, moment } from "/web/format.js";

const titles = {
	cloudformation: "CloudFormation", terraform: "Terraform", lambda: "Lambda", diagram: "Diagrams", pricing: "Pricing", readme: "README",
	screenshot: "Screenshots",
};

// Tells of a failure where no place is made for it.
export const tell = (promise) => promise.catch((error) => say(error.message));

export async function load(session) {
	try {
		return await get(`/api/artifacts/list/${encodeURIComponent(session)}`);
	} catch (error) {
		// A generation that handed nothing over has no session.
		if (error.status === 404)
			return null;
		throw error;
	}
}

function byType(artifacts) {
	const groups = new Map(Object.keys(titles).map((type) => [type, []]));
	for (const artifact of artifacts)
		groups.set(artifact.type, [...(groups.get(artifact.type) || []), artifact]);
	return [...groups].filter(([, list]) => list.length);
}

function row(artifact) {
	return el("li", {},
		el("span.file", { title: moment(artifact.created_at) }, artifact.name),
		el("span.size", {}, bytes(artifact.size)),
		el("button.quiet", { "aria-label": `Download ${artifact.name}`, onclick: () => tell(saveArtifact(artifact)) }, "Download"));
}

export class Artifacts {
	constructor(session, title = "Generated artifacts") {
		this.session = session;
		this.all = el("button", { disabled: true, onclick: () => this.bundle() }, "Download All (ZIP)");
		this.body = el("div", {}, el("p.muted", {}, "Loading artifacts…"));
		this.node = el("section.panel", { "aria-labelledby": "artifacts-title" },
			el("div.head", {}, el("h2", { id: "artifacts-title" }, title), this.all), this.body);
	}

	async look() {
		try {
			const found = await load(this.session);
			this.show(found);
			return found;
		} catch (error) {
			this.body.replaceChildren(notice("error", "Artifacts cannot be shown", error.message,
				el("button.quiet", { onclick: () => this.look() }, "Try again")));
			return null;
		}
	}

	show(found) {
		const key = JSON.stringify(found);
		if (key === this.shown)
			return;
		this.shown = key;
		this.all.disabled = !found?.artifacts.length;
		if (this.all.disabled) {
			this.body.replaceChildren(el("p.muted", {}, "No artifacts generated yet."));
			return;
		}
		this.id = found.session_id;
		this.body.replaceChildren(
			el("p.muted", {}, `${count(found.artifacts.length, "artifact")}, ${bytes(found.total_size)}`),
			...byType(found.artifacts).map(([type, list]) => el("div.group", {}, el("h3", {}, titles[type] || type), el("ul.files", {}, ...list.map(row)))));
	}

	async bundle() {
		this.all.disabled = true;
		await tell(save(`/api/artifacts/bundle/${this.id}`, `artifacts-${this.id}.zip`));
		this.all.disabled = false;
	}
}

// Pictures a generator took of what it made.
export class Screenshots {
	constructor() {
		this.known = new Set();
		this.grid = el("div.shots");
		this.node = el("section.panel", { hidden: true, "aria-labelledby": "shots-title" },
			el("div.head", {}, el("h2", { id: "shots-title" }, "Screenshots")), this.grid);
	}

	async show(artifacts) {
		for (const artifact of artifacts.filter((one) => one.type === "screenshot" && !this.known.has(one.artifact_id))) {
			this.known.add(artifact.artifact_id);
			this.node.hidden = false;
			this.grid.append(el("figure", {},
				el("button.shot", { "aria-label": `Download ${artifact.name}`, onclick: () => tell(saveArtifact(artifact)) },
					el("img", { src: await address(artifact), alt: artifact.name, loading: "lazy" })),
				el("figcaption", {}, el("span.file", {}, artifact.name), el("span.size", {}, bytes(artifact.size)))));
		}
	}
}

// #/artifacts and #/artifacts/<session>: any session, by its id or name.
export function artifactsPage(place, session) {
	const input = el("input", { value: session || "", autocomplete: "off", required: "", name: "session" });
	const form = el("form.search", { role: "search", onsubmit: (event) => {
		event.preventDefault();
		location.hash = `#/artifacts/${encodeURIComponent(input.value.trim())}`;
	} }, el("label", {}, "Session", input), el("button", {}, "Show"));
	place.replaceChildren(el("div.intro", {}, el("h1", {}, "Artifacts"), el("p.muted", {}, "The files of a session: its id, its name, or the id of a generation.")), form);
	if (!session)
		return void input.focus();
	const panel = new Artifacts(session);
	place.append(panel.node);
	panel.look();
}
