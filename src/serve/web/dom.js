// Elements. All text is text: nothing that came from a user is ever read as markup.

const properties = new Set(["className", "hidden", "disabled", "value", "max", "open", "htmlFor", "title", "type"]);

// el("button.quiet", { onclick, title: "..." }, "text", child, null)
export function el(what, options = {}, ...children) {
	const [tag, ...classes] = what.split(".");
	const node = document.createElement(tag);
	if (classes.length)
		node.className = classes.join(" ");
	for (const [name, value] of Object.entries(options)) {
		if (value === undefined || value === null)
			continue;
		if (name.startsWith("on"))
			node.addEventListener(name.slice(2), value);
		else if (properties.has(name))
			node[name] = value;
		else
			node.setAttribute(name, value);
	}
	node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
	return node;
}

// Changes only what differs, so that a reader's selection and focus stay.
export function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

export function notice(kind, title, text, ...more) {
	return el(`div.notice.${kind}`, kind === "error" ? { role: "alert" } : {}, el("strong", {}, title), text ? el("p", {}, text) : null, ...more);
}

let timer = 0;

// A word at the bottom of the window, read out by screen readers.
export function say(text) {
	const said = document.getElementById("said");
	said.textContent = text;
	said.classList.add("shown");
	clearTimeout(timer);
	timer = setTimeout(() => said.classList.remove("shown"), 5000);
}
