#!/bin/sh
# The main job, from nothing: an app is generated over three iterations into one file, and read back through the mount.
#
#   make demo      or      GENSTORE=/path/to/genstore examples/demo.sh
#
# Everything happens in a temporary folder that is gone afterwards. Nothing leaves the machine.
set -eu

genstore=${GENSTORE:-genstore}
top=$(mktemp -d)
mnt=$top/mnt
mounted=

leave() {
	status=$?
	trap - EXIT
	cd /
	[ -z "$mounted" ] || "$genstore" umount "$mnt" || fusermount3 -u -z "$mnt" || true
	rm -rf "$top"
	[ $status -eq 0 ] || echo "demo: failed; the step above is where" >&2
	exit $status
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

number=0
step() {
	number=$((number + 1))
	printf '\n%d. %s\n' $number "$*"
}

# Says what it runs, as one would type it, then runs it.
run() {
	printf '   $ %s\n' "$(echo "$*" | sed "s|$genstore|genstore|; s|$top|/tmp/demo|g; s|$gen|req_...|g")"
	result=0
	"$@" >"$top/out" 2>&1 || result=$?
	sed "s|$top|/tmp/demo|g; s/^/   /; 16s/.*/   .../; 16q" "$top/out"
	return $result
}

same() {
	diff -r "$1" "$2"
	echo "   the same: $3"
}

export HOME="$top" XDG_DATA_HOME="$top/data" XDG_RUNTIME_DIR="$top/run" GENSTORE_STORE="$top/apps.genstore"
mkdir -m 700 "$top/run"
mkdir "$mnt" "$top/unpacked"
gen=req_...

step "A store is one file. Make one."
run "$genstore" init

step "Generate an app over three iterations; the built-in example generator runs as a process of its own."
"$genstore" generate --app-name todo-app --prompt 'A todo list that remembers its entries' --max-iterations 3

gen=$("$genstore" list --json | sed -n 's/.*"request_id": *"\([^"]*\)".*/\1/p' | head -n 1)
[ -n "$gen" ] || { echo "demo: 'genstore list --json' names no generation" >&2 && exit 1; }

step "The file now holds the generation, its log, its three iterations and its sealed archive."
run "$genstore" list
run "$genstore" snapshots todo-app
run ls -l "$GENSTORE_STORE"

why=
if [ ! -e /dev/fuse ]; then
	why="/dev/fuse is missing (in a container: start it with --device /dev/fuse --cap-add SYS_ADMIN)"
elif [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
	why="/dev/fuse is not open to you (as root: chmod 666 /dev/fuse)"
elif ! command -v fusermount3 >/dev/null; then
	why="fusermount3 is missing (package fuse3)"
elif [ "${FUSE:-yes}" = no ]; then
	why="this program was built with FUSE=no"
fi

if [ -z "$why" ]; then
	step "Mount it. What would be a key in S3 has the same path here."
	run "$genstore" mount "$mnt"
	mounted=1
	here=$mnt/generations/$gen
	run ls -l "$here"
	run cat "$here/metadata.json"

	step "Take the sealed archive out of the mount with GNU tar."
	run tar xzf "$here/app.tar.gz" -C "$top/unpacked"

	step "Browse the tree, and the one after the first iteration, without unpacking anything."
	run ls -R "$here/app"
	run ls -R "$here/iterations/1"

	step "Compare the bytes: the mount against the archive, and against what the commands give."
	"$genstore" get "$gen" -o "$top/app.tar.gz"
	cmp "$here/app.tar.gz" "$top/app.tar.gz"
	echo "   the same: app.tar.gz in the mount and from 'genstore get'"
	same "$here/app" "$top/unpacked/app" "the tree in the mount and the unpacked archive"
	"$genstore" restore todo-app "$top/restored"
	same "$here/app" "$top/restored" "the tree in the mount and from 'genstore restore'"
	"$genstore" restore todo-app@1 "$top/first"
	same "$here/iterations/1" "$top/first" "iteration 1 in the mount and from 'genstore restore todo-app@1'"
else
	step "No mount here: $why. The same through the commands."
	"$genstore" get "$gen" -o "$top/app.tar.gz"
	run tar xzf "$top/app.tar.gz" -C "$top/unpacked"
	run "$genstore" ls todo-app
	run "$genstore" ls todo-app@1
	"$genstore" restore todo-app "$top/restored"
	same "$top/unpacked/app" "$top/restored" "the unpacked archive and 'genstore restore'"
	(cd "$top/unpacked/app" && find . -type f | sed 's|^\./||' | sort) >"$top/names"
	while IFS= read -r name; do
		"$genstore" cat "todo-app:$name" | cmp - "$top/unpacked/app/$name"
	done <"$top/names"
	echo "   the same: $(wc -l <"$top/names") files of the archive and from 'genstore cat'"
fi

step "What the iterations changed."
run "$genstore" diff todo-app@1 todo-app@3
if "$genstore" diff todo-app@1 todo-app@3 | cmp -s - /dev/null; then
	echo "demo: iterations 1 and 3 are the same" >&2
	exit 1
fi

step "Every byte in the file is checked against its hash."
run "$genstore" check --read-data

if [ -n "$mounted" ]; then
	step "Unmount."
	run "$genstore" umount "$mnt"
	mounted=
fi
printf '\ndemo: done, everything compared equal\n'
