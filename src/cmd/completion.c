/* genstore completion: the script, made from the table of commands, so that it knows what this program knows. */
#include "src/cmd/cmd.h"
#include "src/config/setting.h"

static void print_words(const struct opt *options)
{
	for (; options && options->name; options++)
		printf(" --%s", options->name);
}

static void print_commands(const struct command *const *list)
{
	for (; *list; list++)
		if (!(*list)->hidden)
			printf(" %s", command_word(*list));
}

static void print_keys(void)
{
	for (const struct setting *s = settings_known; s->key; s++)
		printf(" %s", s->key);
}

/* What can stand behind each command; a group's commands, then theirs. */
static void print_cases(const struct command *const *list)
{
	for (; *list; list++) {
		if ((*list)->hidden)
			continue;
		printf("	\"%s\") words=\"", (*list)->name);
		print_words((*list)->options);
		fputs(" --store --json --quiet --verbose --help", stdout);
		if ((*list)->commands)
			print_commands((*list)->commands);
		if ((*list)->takes_key)
			print_keys();
		puts("\" ;;");
		if ((*list)->commands)
			print_cases((*list)->commands);
	}
}

/* "|" and a pattern for each group. */
static void print_groups(void)
{
	for (const struct command *const *p = commands; *p; p++)
		if ((*p)->commands)
			printf(" | %s", (*p)->name);
}

/* Those behind which something other than an option or a file can stand. */
static void print_takers(const struct command *const *list)
{
	for (; *list; list++) {
		if ((*list)->takes_key && !(*list)->hidden)
			printf(" | \"%s\"", (*list)->name);
		if ((*list)->commands)
			print_takers((*list)->commands);
	}
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	if (strcmp(argv[0], "bash") != 0)
		return cli_usage(cli, "there is no completion for '%s', only for bash", argv[0]);
	fputs("# bash completion for genstore; put this into ~/.bashrc:  . <(genstore completion bash)\n"
	      "_genstore()\n"
	      "{\n"
	      "	local word=${COMP_WORDS[COMP_CWORD]} command= i words\n"
	      "	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "		case ${COMP_WORDS[i]} in\n"
	      "		--store | -s) ((i++)) ;;\n"
	      "		-*) ;;\n"
	      "		*)\n"
	      "			command+=${command:+ }${COMP_WORDS[i]}\n"
	      "			case $command in help", stdout);
	print_groups();
	fputs(") ;; *) break ;; esac ;;\n"
	      "		esac\n"
	      "	done\n"
	      "	case $command in\n", stdout);
	print_cases(commands);
	fputs("	*) words=\"--store --json --quiet --verbose --help --version", stdout);
	print_commands(commands);
	fputs("\" ;;\n"
	      "	esac\n"
	      "	[[ $command == help ]] && words=\"", stdout);
	print_commands(commands);
	fputs("\"\n"
	      "	[[ $command == completion ]] && words=bash\n"
	      "	case $command in \"\" | help", stdout);
	print_groups();
	print_takers(commands);
	fputs(") ;; *) [[ $word == -* ]] || return ;; esac\n"
	      "	mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	      "}\n"
	      "complete -o bashdefault -o default -F _genstore genstore\n", stdout);
	return EXIT_DONE;
}

const struct command command_completion = {
	.name = "completion", .arguments = "bash", .summary = "prints a script that completes commands in the shell", .run = run,
	.min_args = 1, .max_args = 1,
};
