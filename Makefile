# genstore: one makefile for everything. `make help` lists what it can do.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
# mount(8) looks for its helpers in /sbin only; who installs into a folder of his own has no use for them there.
MOUNTDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin,$(PREFIX)/sbin)
UNITDIR ?= $(PREFIX)/lib/systemd/user
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions

FUSE ?= yes
CFLAGS ?= -O2 -g
comma := ,
BUILD ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
VERSION := $(shell sed -n 's/.*define GENSTORE_VERSION "\(.*\)".*/\1/p' store/genstore.h 2>/dev/null)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings -Wpointer-arith \
	-Wimplicit-fallthrough $(if $(WERROR),-Werror)
HARDENING := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2)
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DHAVE_FUSE=$(if $(filter yes,$(FUSE)),1,0) \
	-I. $(WARNINGS) $(HARDENING) -fPIC -fvisibility=hidden -fno-plt -pthread $(FUSE_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(if $(SAN),-fsanitize=$(SAN)) -pthread -Wl,--as-needed $(LDFLAGS)
# Asked when they are used and not before: on a bare machine pkg-config is yet to be installed.
FUSE_CFLAGS = $(if $(filter yes,$(FUSE)),$(shell pkg-config --cflags fuse3))
LIB_LIBS = $(shell pkg-config --libs sqlite3 zlib libdeflate libzstd libxxhash libcrypto jansson) -lm
BIN_LIBS = $(LIB_LIBS) $(shell pkg-config --libs expat) -lwslay $(if $(filter yes,$(FUSE)),$(shell pkg-config --libs fuse3))

LIB_SRC := $(sort $(shell find store -name '*.c'))
# What shows the store as folders and knows no FUSE: export is there without it.
VIEW_SRC := $(patsubst %,fs/%.c,artifacts cache dir export export_put file intern lookup node roll status view)
BIN_SRC := $(sort $(if $(filter yes,$(FUSE)),,$(VIEW_SRC)) $(shell find src $(if $(filter yes,$(FUSE)),fs) -name '*.c' -not -path 'src/example/app/*'))
# C tests that include a header of fs/ have nothing to test without it.
NOT_HERE := $(if $(filter yes,$(FUSE)),,$(shell grep -l '^\#include "fs/' tests/unit/*.c 2>/dev/null))
UNIT_SRC := $(filter-out $(NOT_HERE),$(sort $(wildcard tests/unit/*.c)))
# Fuzzers: each a file with LLVMFuzzerTestOneInput(), linked with libFuzzer, or with what runs it over the inputs that are kept.
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c))))
FUZZ_S ?= 300
SCHEMA := $(sort $(wildcard store/schema/*.sql))
WEB := $(sort $(wildcard src/serve/web/*))
EXAMPLE := $(sort $(shell find src/example/app -type f 2>/dev/null))

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(if $(SCHEMA),$(BUILD)/schema_sql.o)
BIN_OBJ := $(BIN_SRC:%.c=$(BUILD)/%.o) $(if $(EXAMPLE),$(BUILD)/example_files.o) $(if $(WEB),$(BUILD)/web_files.o)
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/%.o)
MAIN_OBJ := $(BUILD)/src/main.o

say = $(if $(V),,@printf '  %-5s %s\n' $1 $@;)
GOALS := $(or $(MAKECMDGOALS),all)
# TSan of gcc 12 does not start where the kernel randomises addresses widely.
RUN = $(if $(filter thread,$(SAN)),$(shell setarch -R true 2>/dev/null && echo setarch -R))
NODE_MODULES = build/node/node_modules
PYTEST = $(RUN) env GENSTORE=$(abspath $(BUILD)/genstore) GENSTORE_NODE_MODULES=$(abspath $(NODE_MODULES)) GENSTORE_SAN=$(SAN) GENSTORE_FUSE=$(FUSE) \
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -c tests/pytest.ini $(XDIST) $(PYTEST_ARGS)
# A process for each core, where pytest-xdist is there.
XDIST = $(shell /usr/bin/python3 -c 'import xdist' 2>/dev/null && echo --numprocesses=$$(nproc))

all: $(BUILD)/genstore $(BUILD)/git-remote-genstore $(BUILD)/libgenstore.a $(BUILD)/libgenstore.so ## the program and the library (the default)

$(BUILD)/genstore: $(MAIN_OBJ) $(BUILD)/program.a $(BUILD)/libgenstore.a
	$(call say,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BIN_LIBS)

# What git runs for genstore:: addresses; it has to be in PATH.
$(BUILD)/git-remote-genstore: $(BUILD)/genstore
	@ln -sf genstore $@

$(BUILD)/libgenstore.so: $(LIB_OBJ) $(BUILD)/files
	$(call say,LINK)$(CC) $(ALL_LDFLAGS) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -shared \
		-Wl,-soname,libgenstore.so.0 -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(BUILD)/libgenstore.a: $(LIB_OBJ)
$(BUILD)/program.a: $(filter-out $(MAIN_OBJ),$(BIN_OBJ))
%.a: $(BUILD)/files
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# Tests see the library and whatever else the program is made of.
$(BUILD)/test-unit: $(UNIT_OBJ) $(BUILD)/program.a $(BUILD)/libgenstore.a $(BUILD)/files
	$(call say,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(BIN_LIBS)

$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(if $(FUZZING),,$(BUILD)/tests/fuzz/replay.o) $(BUILD)/program.a $(BUILD)/libgenstore.a
	$(call say,LINK)$(CC) $(ALL_LDFLAGS) $(if $(FUZZING),-fsanitize=fuzzer) -o $@ $^ $(BIN_LIBS)

$(BUILD)/bench-ingest: $(BUILD)/tools/bench/ingest.o $(BUILD)/libgenstore.a
	$(call say,LINK)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: $(BUILD)/%.c $(BUILD)/flags
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/schema_sql.c: $(SCHEMA) tools/embed $(BUILD)/files
	$(call say,EMBED)tools/embed --text schema_files store/schema store/migrate.h >$@
$(BUILD)/example_files.c: $(EXAMPLE) tools/embed $(BUILD)/files
	$(call say,EMBED)tools/embed example_files src/example/app src/example/example.h >$@
$(BUILD)/web_files.c: $(WEB) tools/embed $(BUILD)/files
	$(call say,EMBED)tools/embed web_files src/serve/web src/serve/web.h >$@

# Two files that are written only when what they list has changed: objects hang on the one, archives on the other.
$(BUILD)/flags: WANT = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(BUILD)/files: WANT = $(LIB_SRC) $(BIN_SRC) $(UNIT_SRC) $(SCHEMA) $(EXAMPLE) $(WEB)
$(BUILD)/flags $(BUILD)/files: FORCE $(if $(filter check demo bench,$(GOALS)),deps)
	@mkdir -p $(@D); echo '$(WANT)' | cmp -s - $@ || echo '$(WANT)' >$@

deps: ## installs the Debian packages that are missing (check, demo and bench do it too)
	@tools/install-deps --quiet build $(if $(filter demo bench,$(GOALS)),,test) $(filter bench,$(GOALS))

check: layers check-unit check-fuzz all $(NODE_MODULES) ## installs, builds, and runs all tests
	$(PYTEST) $(wildcard tests/cli tests/fs tests/sync tests/serve tests/fault)
check-unit: $(BUILD)/test-unit ## the C tests
	$(RUN) $<
check-fuzz: $(FUZZERS:%=$(BUILD)/fuzz-%) ## each fuzzer over the inputs that are kept
	@set -e; for name in $(FUZZERS); do $(RUN) $(BUILD)/fuzz-$$name tests/fuzz/corpus/$$name; done
fuzz: ## libFuzzer with clang: FUZZ_S seconds each; what it finds goes to build/fuzz
	$(MAKE) CC=clang SAN=fuzzer-no-link,address,undefined BUILD=build/fuzz FUZZING=yes fuzz-run
fuzz-run: $(FUZZERS:%=$(BUILD)/fuzz-%)
	set -e; for name in $(FUZZERS); do mkdir -p $(BUILD)/corpus/$$name; $(BUILD)/fuzz-$$name -max_total_time=$(FUZZ_S) -max_len=65536 \
		-rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -artifact_prefix=$(BUILD)/$$name- $(BUILD)/corpus/$$name tests/fuzz/corpus/$$name; done
check-cli check-fs check-sync check-serve check-fault: check-%: all $(NODE_MODULES) ## the tests of one folder, through the program
	$(PYTEST) tests/$*
check-threads: all $(NODE_MODULES) ## what runs on several threads, meant for SAN=thread
	$(PYTEST) -m threads tests
# The clients of Node that tests use, at the versions of the lock file, from whatever registry npm is set to.
$(NODE_MODULES): tests/node/package.json tests/node/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D) && cd $(@D) && npm ci --silent --no-audit --no-fund && touch node_modules
layers: ## proves with grep that src -> fs -> store is one way
	@tools/layers
lint: ## cppcheck and shellcheck
	cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppressions-list=.cppcheck --include=.cppcheck.h -I. -D_GNU_SOURCE -DHAVE_FUSE=1 store fs src
	shellcheck $$(grep -rIlE '^#!.*\b(ba)?sh\b' tools examples tests .ci)
demo: all ## generates an app over three iterations and reads it back through the mount
	@GENSTORE=$(abspath $(BUILD)/genstore) FUSE=$(FUSE) examples/demo.sh
bench: all $(BUILD)/bench-ingest ## the ratios against named tools, in one interleaved run
	GENSTORE=$(abspath $(BUILD)/genstore) tools/bench/run

$(BUILD)/genstore.pc: genstore.pc.in store/genstore.h FORCE
	@sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' $< >$@

$(BUILD)/mount.fuse.genstore $(BUILD)/genstore-mount.service: $(BUILD)/%: tools/%.in FORCE
	@sed 's|@BINDIR@|$(BINDIR)|' $< >$@

install: all $(BUILD)/genstore.pc $(if $(filter yes,$(FUSE)),$(addprefix $(BUILD)/,mount.fuse.genstore genstore-mount.service)) ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/genstore $(DESTDIR)$(BINDIR)/genstore
	ln -sf genstore $(DESTDIR)$(BINDIR)/git-remote-genstore
	install -D -m 644 $(BUILD)/libgenstore.a $(DESTDIR)$(LIBDIR)/libgenstore.a
	install -D -m 755 $(BUILD)/libgenstore.so $(DESTDIR)$(LIBDIR)/libgenstore.so.0
	ln -sf libgenstore.so.0 $(DESTDIR)$(LIBDIR)/libgenstore.so
	install -D -m 644 store/genstore.h $(DESTDIR)$(INCLUDEDIR)/genstore.h
	install -D -m 644 $(BUILD)/genstore.pc $(DESTDIR)$(LIBDIR)/pkgconfig/genstore.pc
	install -D -m 644 src/genstore.1 $(DESTDIR)$(MANDIR)/man1/genstore.1
ifeq ($(FUSE),yes)
	install -D -m 755 $(BUILD)/mount.fuse.genstore $(DESTDIR)$(MOUNTDIR)/mount.fuse.genstore
	install -D -m 644 $(BUILD)/genstore-mount.service $(DESTDIR)$(UNITDIR)/genstore-mount.service
endif
	$(BUILD)/genstore completion bash >$(BUILD)/completion.bash
	install -D -m 644 $(BUILD)/completion.bash $(DESTDIR)$(BASHCOMPDIR)/genstore

uninstall: ## removes what install put there
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/genstore $(BINDIR)/git-remote-genstore $(addprefix $(LIBDIR)/,libgenstore.a libgenstore.so \
		libgenstore.so.0 pkgconfig/genstore.pc) $(INCLUDEDIR)/genstore.h $(MANDIR)/man1/genstore.1 \
		$(MOUNTDIR)/mount.fuse.genstore $(UNITDIR)/genstore-mount.service $(BASHCOMPDIR)/genstore)

compile_commands.json: FORCE ## for editors and clang tools
	@printf '%s\n' $(LIB_SRC) $(BIN_SRC) $(UNIT_SRC) | sed 's|.*|{"directory": "$(CURDIR)", "file": "&", \
	"command": "$(CC) $(ALL_CFLAGS) -c &"},|; 1s|^|[|; $$s|,$$|]|' >$@

clean: ## removes everything that was built
	rm -rf build compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z][^:]*\):.*## /\1\t/p' Makefile | sort | while IFS='	' read -r t d; do printf '  %-32s %s\n' "$$t" "$$d"; done
	@echo 'Variables: CC=clang, FUSE=no (without the mount), SAN=address,undefined or thread (in a folder of its'
	@echo 'own), WERROR=1, V=1 (whole commands), BUILD=dir, PYTEST_ARGS="-k words", PREFIX, DESTDIR'

FORCE:
.PHONY: all deps check check-unit check-cli check-fs check-sync check-fault check-fuzz check-threads fuzz fuzz-run layers lint demo bench \
	install uninstall clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(patsubst %.o,%.d,$(LIB_OBJ) $(BIN_OBJ) $(UNIT_OBJ) $(wildcard $(BUILD)/tests/fuzz/*.o))
