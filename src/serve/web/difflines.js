// The lines of two texts, compared: a pure function. Common ends first, then the longest common subsequence of what is between.

const CELLS = 4e6; // of the table; beyond, what is between is shown as removed and added

// [{ kind: " ", "+" or "-", text }]
export function compare(before, after) {
	const a = lines(before), b = lines(after);
	let head = 0, tail = 0;
	while (head < a.length && head < b.length && a[head] === b[head])
		head++;
	while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
		tail++;
	return [...as(" ", a.slice(0, head)), ...between(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
		...as(" ", a.slice(a.length - tail))];
}

const as = (kind, list) => list.map((text) => ({ kind, text }));

function lines(text) {
	const list = text.split("\n");
	if (list.at(-1) === "")
		list.pop();
	return list;
}

function between(a, b) {
	if ((a.length + 1) * (b.length + 1) > CELLS)
		return [...as("-", a), ...as("+", b)];
	const width = b.length + 1, longest = new Uint32Array((a.length + 1) * width);
	for (let i = a.length - 1; i >= 0; i--)
		for (let j = b.length - 1; j >= 0; j--)
			longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1
				: Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
	const out = [];
	for (let i = 0, j = 0; i < a.length || j < b.length;) {
		if (i < a.length && j < b.length && a[i] === b[j])
			out.push({ kind: " ", text: a[i++] }), j++;
		else if (i < a.length && (j === b.length || longest[(i + 1) * width + j] >= longest[i * width + j + 1]))
			out.push({ kind: "-", text: a[i++] });
		else
			out.push({ kind: "+", text: b[j++] });
	}
	return out;
}

// Runs of equal lines become their three nearest to a change, and how many were left out: { kind: "…", count }.
export function fold(list, around = 3) {
	const near = new Uint8Array(list.length), out = [];
	list.forEach((line, i) => {
		if (line.kind !== " ")
			near.fill(1, Math.max(0, i - around), i + around + 1);
	});
	list.forEach((line, i) => {
		if (near[i])
			out.push(line);
		else if (out.at(-1)?.kind === "…")
			out.at(-1).count++;
		else
			out.push({ kind: "…", count: 1 });
	});
	return out;
}
