// Addresses, the list at the side, and the two questions of the page: for a token, and what to generate.
import { onRefused, post, setToken, token } from "/web/api.js";
import { artifactsPage } from "/web/artifacts.js";
import { notice } from "/web/dom.js";
import { Generation } from "/web/generation.js";
import { List } from "/web/list.js";

const main = document.getElementById("main"), list = new List(document.getElementById("side"));
let open = null;

function route() {
	const [section = "", name = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decode);
	open?.stop();
	open = null;
	document.title = "genstore";
	document.body.dataset.view = section === "generations" && name ? "one" : section === "artifacts" ? "artifacts" : "all";
	for (const link of document.querySelectorAll("[data-section]"))
		link.toggleAttribute("aria-current", link.dataset.section === (section === "artifacts" ? section : "generations"));
	list.mark(section === "generations" ? name : null);
	scrollTo(0, 0);
	if (section === "artifacts")
		return artifactsPage(main, name);
	if (section !== "generations" || !name)
		return main.replaceChildren(notice("empty", "Choose a generation", "Its progress, files, artifacts and costs are shown here."));
	open = new Generation(main, name, () => list.look());
	open.start();
}

function decode(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

// All requests that wait for a token wait for the same answer.
let asking = null;

function askToken(given, sent) {
	// Another request asked meanwhile, and there is a new one.
	if (token() && sent !== token())
		return Promise.resolve();
	setToken(null);
	document.getElementById("leave").hidden = true;
	asking ??= new Promise((done) => {
		const dialog = document.getElementById("ask-token"), form = dialog.querySelector("form");
		form.querySelector(".wrong").textContent = given ? "The token is not one of this store, or not good any more." : "";
		dialog.oncancel = (event) => event.preventDefault();
		form.onsubmit = (event) => {
			event.preventDefault();
			setToken(form.elements.token.value.trim());
			form.reset();
			document.getElementById("leave").hidden = false;
			dialog.close();
			asking = null;
			done();
		};
		dialog.showModal();
	});
	return asking;
}

function askNew() {
	const dialog = document.getElementById("ask-new"), form = dialog.querySelector("form"), fields = form.elements;
	const wrong = form.querySelector(".wrong"), button = form.querySelector(".primary");
	const single = () => fields.mode.value === "single-shot";
	fields.mode.onchange = () => {
		fields.max_iterations.disabled = single();
		fields.max_iterations.value = single() ? 1 : Math.max(3, fields.max_iterations.value);
	};
	fields.mode.onchange();
	wrong.textContent = "";
	form.querySelector(".cancel").onclick = () => dialog.close();
	form.onsubmit = async (event) => {
		event.preventDefault();
		button.disabled = true;
		try {
			const made = await post("/api/generations", { app_name: fields.app_name.value.trim(), prompt: fields.prompt.value, mode: fields.mode.value,
				max_iterations: Number(single() ? 1 : fields.max_iterations.value) });
			dialog.close();
			form.reset();
			await list.look();
			location.hash = `#/generations/${made.request_id}`;
		} catch (error) {
			wrong.textContent = error.message;
		}
		button.disabled = false;
	};
	dialog.showModal();
}

onRefused(askToken);
document.getElementById("leave").hidden = !token();
document.getElementById("leave").onclick = () => {
	setToken(null);
	location.reload();
};
document.getElementById("new").onclick = askNew;
document.querySelector(".skip").onclick = (event) => {
	event.preventDefault();
	main.focus();
};
addEventListener("hashchange", () => {
	route();
	main.focus({ preventScroll: true });
});
route();
list.start();
