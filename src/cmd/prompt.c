#include "src/cmd/prompt.h"
#include "src/cmd/editor.h"
#include "store/base/utf8.h"

#include <jansson.h>
#include <termios.h>

enum { LINE = 4096 }; /* a terminal hands over no longer line, termios(3) */

void prompt_init(struct prompt *p, bool usable)
{
	*p = (struct prompt){ .usable = usable, .editor_fd = -1 };
}

static void forget(struct prompt *p)
{
	free(MOVE(p->action));
	free(MOVE(p->suggested));
	free(MOVE(p->options));
	p->open = p->closed = p->is_text = p->may_edit = false;
}

void prompt_release(struct prompt *p)
{
	editor_stop(p);
	forget(p);
}

/* Each line by itself: nothing in it steers the terminal. */
static void print_lines(const char *first, const char *text)
{
	AUTO(buf_release) struct buf safe = BUF_INIT;
	const char *end = text + utf8_cut(text, strlen(text), PROMPT_SHOWN_MAX);

	for (const char *head = first; text < end; head = "    ") {
		size_t n = strcspn(text, "\n");

		n = n < (size_t)(end - text) ? n : (size_t)(end - text);
		buf_reset(&safe);
		utf8_printable(&safe, text, n);
		fprintf(stderr, "%s%s\n", head, buf_str(&safe));
		text += n + (text + n < end);
	}
	if (*end)
		fputs("    ...\n", stderr);
}

static void print_options(const struct question *q)
{
	json_t *list = q->options ? json_loads(q->options, 0, NULL) : NULL;
	AUTO(buf_release) struct buf line = BUF_INIT;
	const json_t *option;
	size_t i;

	json_array_foreach(list, i, option)
		if (json_is_string(option))
			buf_addf(&line, "%s%s", line.len ? ", " : "", json_string_value(option));
	json_decref(list);
	if (line.len)
		print_lines("    options: ", buf_str(&line));
}

static void print_ways(const struct prompt *p)
{
	if (p->is_text)
		fprintf(stderr, "    type the text%s\n", p->may_edit ? ", or 'edit'" : "");
	else
		fprintf(stderr, "    [y]es, [a]dd, [r]edirect, [d]one, /context, /save, /clear%s, or your own words\n",
			p->may_edit ? ", [e]dit" : "");
}

void prompt_again(const struct prompt *p)
{
	if (p->open && !p->closed && !p->editor)
		fputs("  > ", stderr);
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

void prompt_show(struct prompt *p, const struct question *q)
{
	bool again = p->open && p->editor;

	/* The terminal is the editor's. */
	if (again)
		return;
	forget(p);
	p->open = true;
	p->is_text = q->action != NULL;
	p->may_edit = q->allow_editor;
	p->action = copy(q->action);
	p->suggested = copy(q->suggested_task);
	p->options = copy(q->options);
	print_lines("  ? ", q->prompt);
	if (q->suggested_task)
		print_lines("    suggested: ", q->suggested_task);
	print_options(q);
	print_ways(p);
	prompt_again(p);
}

void prompt_close(struct prompt *p, const char *why)
{
	if (!p->open)
		return;
	editor_stop(p);
	if (why) {
		/* What was typed so far is no answer to anything any more. */
		tcflush(STDIN_FILENO, TCIFLUSH);
		fprintf(stderr, "\r\033[K    %s\n", why);
	}
	forget(p);
}

int prompt_fd(struct prompt *p)
{
	if (!p->usable || !p->open || p->closed)
		return -1;
	if (p->editor)
		return p->editor_fd;
	/* In the background the terminal is somebody else's. */
	return tcgetpgrp(STDIN_FILENO) == getpgrp() ? STDIN_FILENO : -1;
}

static const struct { const char *word, *letter, *choice; bool text; } ways[] = {
	{ "yes", "y", "yes", false },        { "add", "a", "add", true },         { "redirect", "r", "redirect", true },
	{ "done", "d", "done", false },      { "/context", NULL, "/context", false }, { "/save", NULL, "/save", false },
	{ "/clear", NULL, "/clear", false },
};

static int fill(struct control *ret, const char *choice, const char *input)
{
	ret->choice = strdup(choice);
	ret->input = input && *input ? strdup(input) : NULL;
	return ret->choice ? 1 : -ENOMEM;
}

static bool is_word(const char *line, size_t n, const char *word)
{
	return word && strlen(word) == n && memcmp(line, word, n) == 0;
}

/* "add a button" is the choice and its text; what begins with no word of ours is an answer in own words. */
static int parse(const struct prompt *p, const char *line, struct control *ret)
{
	size_t n = strcspn(line, " \t");
	const char *rest = line + n + strspn(line + n, " \t");

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		bool slash = *ways[i].word == '/';

		if ((p->is_text && !slash) || (*rest && !ways[i].text))
			continue;
		/* A letter only alone: "a farm" begins with no word of ours. */
		if (!is_word(line, n, ways[i].word) && (*rest || !is_word(line, n, ways[i].letter)))
			continue;
		/* The question stays, whether or not the generator has something to say to it. */
		if (slash)
			prompt_again(p);
		return fill(ret, ways[i].choice, rest);
	}
	if (*line == '/' && !strchr(line + 1, '/') && !*rest) {
		fprintf(stderr, "    there is /context, /save and /clear\n");
		prompt_again(p);
		return 0;
	}
	return fill(ret, line, NULL);
}

/* One whole line without the spaces around it. 0: its end (Ctrl-D). */
static ssize_t read_line(char *line)
{
	ssize_t n = read(STDIN_FILENO, line, LINE);

	if (n <= 0)
		return n < 0 && errno != EIO ? -errno : 0;
	while (n && strchr(" \t\r\n", line[n - 1]))
		n--;
	line[n] = '\0';
	memmove(line, line + strspn(line, " \t"), (size_t)n + 1 - strspn(line, " \t"));
	return n + 1;
}

/* The words of the answer that are about how to answer. */
static bool is_for_editor(const struct prompt *p, const char *line)
{
	return p->may_edit && (strcmp(line, "edit") == 0 || (!p->is_text && strcmp(line, "e") == 0));
}

int prompt_read(struct prompt *p, struct control *ret_answer)
{
	char line[LINE + 1];
	ssize_t n;

	if (p->editor) {
		AUTO(free_ptr) char *text = NULL;

		if (editor_take(p, &text) && text)
			return fill(ret_answer, text, NULL);
		fputs("    nothing was written\n", stderr);
		prompt_again(p);
		return 0;
	}
	n = read_line(line);
	if (n < 0)
		return n == -EAGAIN || n == -EINTR ? 0 : (int)n;
	if (!n) {
		p->closed = true;
		fputs("\n    no answer from here; 'genstore answer' gives one, Ctrl-C pauses\n", stderr);
		return 0;
	}
	if (!utf8_valid(line, strlen(line)))
		fputs("    this is no UTF-8\n", stderr);
	else if (is_for_editor(p, line) && editor_start(p))
		return 0;
	else if (*line && !is_for_editor(p, line))
		return parse(p, line, ret_answer);
	prompt_again(p);
	return 0;
}
