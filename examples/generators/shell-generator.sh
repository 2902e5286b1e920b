#!/bin/sh
# A generator that knows nothing of genstore but a few environment variables.
#
#   genstore generate --app-name haiku --prompt 'three haiku' --max-iterations 5 -- /path/to/shell-generator.sh
#
# Each run is one iteration, on the tree that the last one left. What it prints is the log, exit
# code 0 is a finished iteration. After the third it changes nothing any more: in the mode
# `autonomous` that ends the generation early.
set -eu

: "${APP_NAME:=untitled}" "${PROMPT:=}" "${ITERATION:=1}"

# Text from outside goes into HTML: take its meaning away first.
escape_html() {
	sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'
}

# The same, for a title: on one line.
title=$(printf '%s' "$APP_NAME" | tr '\n\r' '  ' | escape_html)

case $ITERATION in
1)
	echo "writing the page"
	cat >index.html <<EOF
<!doctype html>
<meta charset="utf-8">
<title>$title</title>
<link rel="stylesheet" href="style.css">
<h1>$title</h1>
<pre>$(printf '%s' "$PROMPT" | escape_html)</pre>
EOF
	: >style.css
	;;
2)
	echo "adding colour"
	cat >style.css <<'EOF'
body { max-width: 40rem; margin: 3rem auto; font: 18px/1.5 system-ui, sans-serif; }
h1 { color: teal; }
EOF
	;;
3)
	echo "adding a script to open it with"
	mkdir -p bin
	cat >bin/start <<'EOF'
#!/bin/sh
cd "$(dirname "$0")/.." && exec python3 -m http.server "${PORT:-8000}" --bind 127.0.0.1
EOF
	chmod +x bin/start
	;;
*)
	echo "nothing left to do"
	;;
esac
