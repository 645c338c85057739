# loadkit. `make help` lists what can be made.
#
# CC, CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS, PREFIX and DESTDIR belong to the user: what loadkit itself
# needs stands in variables of its own. All that is made goes to $(BUILD). V=1 shows the commands.

CFLAGS = -O2 -g
BUILD = build
PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR = $(PREFIX)/share/man
INSTALL = install
PKG_CONFIG = pkg-config
FUZZ_SECONDS = 30

# The one place of the version is include/loadkit/api.h.
VERSION := $(shell sed -n 's/^.define LK_VERSION "\(.*\)"/\1/p' include/loadkit/api.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

# ---- sources: a new file in one of these places is found by itself

HEADERS := $(sort $(wildcard include/loadkit/*.h))
LIB_SRC := $(sort $(wildcard lib/*/*.c lib/*/*.S))
ALL_EXAMPLE_SRC := $(sort $(wildcard examples/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
TEST_SCRIPTS := $(sort $(wildcard tests/test_*.sh))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
OOM_SRC := $(sort $(wildcard tests/oom/*.c))
BEHAVIOUR_SRC := $(sort $(wildcard tests/behaviour/*.c))
MAN := $(sort $(wildcard man/*.[1357]))

# tests/support: a file with a main is a program of its own, any other is linked with every test.
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
SUPPORT_MAIN := $(if $(SUPPORT_SRC),$(shell grep -lE '^(int main|LK_MAIN)' $(SUPPORT_SRC)))
SUPPORT_PART := $(filter-out $(SUPPORT_MAIN),$(SUPPORT_SRC))

# Examples that are unit tests are made where Check is at hand, and those that speak to PostgreSQL
# where its library is.
UNIT_TEST_SRC := $(if $(ALL_EXAMPLE_SRC),$(shell grep -l '<check.h>' $(ALL_EXAMPLE_SRC)))
CHECK_FOUND := $(shell $(PKG_CONFIG) --exists check 2>/dev/null && echo yes)
POSTGRES_SRC := $(if $(ALL_EXAMPLE_SRC),$(shell grep -l '<libpq-fe.h>' $(ALL_EXAMPLE_SRC)))
POSTGRES_FOUND := $(shell $(PKG_CONFIG) --exists libpq 2>/dev/null && echo yes)
EXAMPLE_SRC := $(filter-out $(if $(CHECK_FOUND),,$(UNIT_TEST_SRC)) \
	$(if $(POSTGRES_FOUND),,$(POSTGRES_SRC)),$(ALL_EXAMPLE_SRC))

override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
objects = $(patsubst %,$(BUILD)/%.o,$(basename $(1)))
programs = $(patsubst %.c,$(BUILD)/%,$(1))

STATIC = $(BUILD)/libloadkit.a
SHARED = $(BUILD)/libloadkit.so
EXAMPLES = $(call programs,$(EXAMPLE_SRC))
SUPPORT = $(call programs,$(SUPPORT_MAIN))
TESTS = $(call programs,$(TEST_SRC))
BENCHES = $(call programs,$(BENCH_SRC))
FUZZERS = $(call programs,$(FUZZ_SRC))
OOM_TESTS = $(filter $(BUILD)/tests/test_oom%,$(TESTS))

# ---- flags

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wundef -Wvla
# Nobody can replace from outside what the library exports: its own calls need no detour.
CODEGEN = -fPIC -fvisibility=hidden -fno-semantic-interposition
INCLUDES = -Iinclude -Ilib -Itests
COMPILE = $(CC) -std=gnu11 $(WARNINGS) $(CODEGEN) $(CPPFLAGS) $(CFLAGS)
FATAL = $(if $(WERROR),-Werror)

# Whoever links the archive needs these too, as loadkit.pc says. Theirs are not named there: libcurl
# has no archive that could be linked without half of Debian.
DEPENDENCIES = hiredis libbrotlidec libcurl libevent_core libevent_extra openssl zlib
DEPENDENCIES_FOUND := $(shell $(PKG_CONFIG) --exists $(DEPENDENCIES) 2>/dev/null && echo yes)
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(DEPENDENCIES) 2>/dev/null)
# pkg-config does not know wslay everywhere.
SYSTEM_LIBS = -lwslay -lpthread -lm
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(DEPENDENCIES) 2>/dev/null) $(SYSTEM_LIBS)
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check libbrotlienc libcjson)

SANITIZE = -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined

ifeq ($(V),1)
Q =
say = @:
else
Q = @
say = @printf '  %-7s %s\n'
endif

# Targets that call make again use all processors, unless the user has said -j.
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))
once = --no-print-directory
again = $(once) $(jobs)
tool = BUILD='$(abspath $(BUILD))' CC='$(CC)' tests/tools/

# ---- building

.PHONY: all tests benches fuzzers
all: $(STATIC) $(SHARED) $(EXAMPLES) ## the libraries and the examples
tests: $(STATIC) $(EXAMPLES) $(SUPPORT) $(TESTS) ## the test programs
	@:
benches: $(EXAMPLES) $(BENCHES) ## the programs that measure
fuzzers: $(FUZZERS) ## the fuzzers; with CC=clang, see build-fuzz

$(STATIC): $(call objects,$(LIB_SRC)) $(BUILD)/sources $(BUILD)/libs
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(SHARED): $(call objects,$(LIB_SRC)) $(BUILD)/sources lib/loadkit.map
	$(say) LD $@
	$(Q)$(COMPILE) -shared -Wl,-soname,libloadkit.so.$(SOVERSION) \
		-Wl,--version-script=lib/loadkit.map -Wl,-z,defs -Wl,--as-needed $(LDFLAGS) \
		-o $@ $(filter %.o,$^) $(LIB_LIBS) $(LDLIBS)
	$(Q)ln -sf $(@F) $@.$(SOVERSION)

$(EXAMPLES): %: %.o $(STATIC)
$(call programs,$(UNIT_TEST_SRC)): MORE_LIBS = $(shell $(PKG_CONFIG) --libs check)
$(call programs,$(POSTGRES_SRC)): MORE_LIBS = $(shell $(PKG_CONFIG) --libs libpq)
$(call objects,$(POSTGRES_SRC)): LIB_CFLAGS += $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null)
$(SUPPORT) $(BENCHES) $(TESTS): %: %.o $(call objects,$(SUPPORT_PART)) $(STATIC)
$(SUPPORT) $(BENCHES) $(TESTS): MORE_LIBS = $(CHECK_LIBS)
# All that asks the system for memory goes through tests/oom, which can refuse it.
REFUSABLE = malloc calloc realloc free strdup strndup mmap mmap64 munmap realpath fdopen \
	getaddrinfo pthread_create timerfd_create eventfd
$(OOM_TESTS): $(call objects,$(OOM_SRC))
$(BUILD)/tests/test_behaviour: $(call objects,$(BEHAVIOUR_SRC))
$(OOM_TESTS): MORE_LIBS = $(CHECK_LIBS) $(REFUSABLE:%=-Wl,--wrap=%)
$(BUILD)/tests/test_oom_api: MORE_LIBS += -Wl,--wrap=lki_orchestrator_start
$(BUILD)/tests/fuzz/fuzz_api: $(call objects,tests/support/desk.c tests/support/gang.c)
$(BUILD)/tests/fuzz/fuzz_checkpoint: $(call objects,tests/support/gang.c)
$(FUZZERS): %: %.o $(STATIC)
$(FUZZERS): MORE_LIBS = -fsanitize=fuzzer
$(EXAMPLES) $(SUPPORT) $(BENCHES) $(TESTS) $(FUZZERS):
	$(say) LD $@
	$(Q)$(COMPILE) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(MORE_LIBS) $(LIB_LIBS) $(LDLIBS)

# Examples see what authors see: the public headers.
$(call objects,$(EXAMPLE_SRC)): INCLUDES = -Iinclude

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(FATAL) $(INCLUDES) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.S $(BUILD)/flags
	$(say) AS $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(INCLUDES) -MMD -MP -c -o $@ $<

# Files that are written only when they would say something else than the last time: then what
# depends on them is made anew.
$(BUILD)/flags: SAY = $(COMPILE)
$(BUILD)/sources: SAY = $(LIB_SRC)
$(BUILD)/libs: SAY = $(LIB_LIBS)
$(BUILD)/flags $(BUILD)/sources $(BUILD)/libs: need-dependencies
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(subst ','\'',$(SAY))' | cmp -s - $@ || echo '$(subst ','\'',$(SAY))' >$@

.PHONY: need-dependencies
need-dependencies:
ifneq ($(DEPENDENCIES_FOUND),yes)
	@echo 'loadkit needs a C compiler, pkg-config, $(DEPENDENCIES). On Debian: make deps' >&2
	@exit 1
endif

ALL_SRC = $(LIB_SRC) $(EXAMPLE_SRC) $(SUPPORT_SRC) $(TEST_SRC) $(OOM_SRC) $(BEHAVIOUR_SRC) \
	$(BENCH_SRC) $(FUZZ_SRC)
-include $(patsubst %.o,%.d,$(call objects,$(ALL_SRC)))

# ---- running

.PHONY: deps
deps: ## install the Debian packages that are missing
	@tests/tools/deps

.PHONY: demo demo-distributed demo-programs
demo: ## run the shop example against its little server
	@tests/tools/deps build
	@$(MAKE) $(again) demo-programs
	@$(tool)demo

demo-distributed: ## the same by three workers, over Redis, through nginx
	@tests/tools/deps build demo
	@$(MAKE) $(again) demo-programs
	@$(tool)demo-distributed

demo-programs: $(BUILD)/examples/shop $(BUILD)/examples/shop_server
	@:

# Tests that mostly wait for time to pass: they run beside the others, one after the other. Of some
# once is enough.
PATIENT = hub distributed ends unique netns infra remote oom_hub redis rate
WAITING = oom_run api redis_bad cli_remote examples scenario_test
# Those that under sanitizers would only show again what others do.
UNSANITIZED = $(PATIENT) counts_curl curl wrong workers

# What every contribution must pass is counted like a test. Under sanitizers, a script is of
# interest only if it runs what was built, and programs do not fork for each test: at each end all
# memory would be searched for leaks. FULL=1 adds sanitizers and fuzzers: they more than double the
# time, so contributors have them on demand and CI always.
GATES = check-layers check-headers check-man check-install check-dist lint
WITH_GATES = -b $(BUILD) $(GATES:%=tests/tools/%)
ALL_TESTS = $(TESTS) $(TEST_SCRIPTS)
called = $(foreach name,$(1),$(filter %/test_$(name) %/test_$(name).sh,$(ALL_TESTS)))
PATIENT_TESTS = $(call called,$(PATIENT) $(WAITING))
QUICK_TESTS = $(filter-out $(PATIENT_TESTS),$(ALL_TESTS))
WITH_TESTS = -b $(BUILD) $(QUICK_TESTS) -p $(PATIENT_TESTS)
sanitized = $(patsubst $(BUILD)/%,$(BUILD)/asan/%,$(filter-out $(call called,$(UNSANITIZED)),\
	$(filter $(BUILD)/%,$(1)) $(filter-out tests/test_tool_%,\
		$(shell grep -l BUILD /dev/null $(filter %.sh,$(1))))))
WITH_ASAN = -x 'env CK_FORK=no' -b $(BUILD)/asan $(call sanitized,$(QUICK_TESTS)) \
	-p $(call sanitized,$(PATIENT_TESTS))
WITH_FUZZ = -b $(BUILD) tests/tools/fuzz

.PHONY: check run-check
check: ## all tests and gates; FULL=1: under sanitizers too, and a short fuzz
	@tests/tools/deps build check
	@$(MAKE) $(again) WERROR=1 all tests $(if $(FULL),build-asan build-fuzz)
	@$(MAKE) $(once) run-check

run-check:
	@CC='$(CC)' FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run $(WITH_GATES) $(WITH_TESTS) \
		$(if $(FULL),$(WITH_FUZZ) $(WITH_ASAN))

.PHONY: test run-test
test: ## the tests alone; T="buf url" runs test_buf and test_url
	@$(MAKE) $(again) tests
	@$(MAKE) $(once) run-test

run-test:
	@tests/run -b $(BUILD) $(if $(T),$(wildcard $(T:%=$(BUILD)/tests/test_%) \
		$(T:%=tests/test_%.sh)),$(QUICK_TESTS) -p $(PATIENT_TESTS))

.PHONY: check-asan build-asan
check-asan: build-asan ## the tests under AddressSanitizer and UBSan
	@tests/run $(WITH_ASAN)

build-asan:
	@$(MAKE) $(again) BUILD=$(BUILD)/asan CFLAGS='$(SANITIZE)' tests

.PHONY: check-oom
check-oom: $(OOM_TESTS) ## set-up and runs, with each request for memory refused in turn
	@tests/run -b $(BUILD) $(OOM_TESTS)

.PHONY: check-valgrind
check-valgrind: tests ## the test programs under valgrind
	@CK_FORK=no tests/run -b $(BUILD) -x 'valgrind -q --error-exitcode=99 --leak-check=full' \
		$(filter-out %/test_oom_run,$(TESTS)) # it starts a thousand programs

.PHONY: fuzz build-fuzz
fuzz: build-fuzz ## every fuzzer for FUZZ_SECONDS (30)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(tool)fuzz

build-fuzz:
	@$(MAKE) $(again) BUILD=$(BUILD)/fuzz CC=clang \
		CFLAGS='$(SANITIZE) -fsanitize=fuzzer-no-link' fuzzers

.PHONY: check-headers check-layers check-man check-install check-dist
check-headers: ## every header compiles alone, the public ones as C++ too
	@$(tool)check-headers
check-layers: ## no layer includes a higher one
	@$(tool)check-layers
check-man: all ## the manual is clean, complete and true, and its examples run
	@$(tool)check-man
check-install: all ## what is installed can be used, and goes without a trace
	@$(tool)check-install
check-dist: ## what `make dist` packs can be built
	@$(tool)check-dist

.PHONY: abi check-abi
abi: $(SHARED) ## list anew what the shared library exports
	@$(tool)symbols >$(BUILD)/symbols && cp $(BUILD)/symbols lib/loadkit.symbols
check-abi: $(SHARED) ## programs made for OLD run with this: a library, or a tag (the last one)
	@$(tool)check-abi $(OLD)

.PHONY: lint fmt
lint: ## clang-format, clang-tidy, cppcheck, shellcheck
	@$(tool)lint
fmt: ## lay the sources out by clang-format
	@tests/tools/format

.PHONY: bench
bench: ## cost per request beside wrk and others, memory per user
	@tests/tools/deps build bench
	@$(MAKE) $(again) benches
	@BUILD='$(abspath $(BUILD))' tests/bench/run

# ---- installing

TO = $(DESTDIR)
MAN_DIRS = $(sort $(patsubst .%,man%,$(suffix $(MAN))))

.PHONY: install
install: $(STATIC) $(SHARED) ## to PREFIX (/usr/local), under DESTDIR
	$(INSTALL) -d $(TO)$(INCLUDEDIR)/loadkit $(TO)$(LIBDIR)/pkgconfig $(MAN_DIRS:%=$(TO)$(MANDIR)/%)
	$(INSTALL) -m 644 $(HEADERS) $(TO)$(INCLUDEDIR)/loadkit
	$(INSTALL) -m 644 $(STATIC) $(TO)$(LIBDIR)
	$(INSTALL) -m 755 $(SHARED) $(TO)$(LIBDIR)/libloadkit.so.$(VERSION)
	ln -sf libloadkit.so.$(VERSION) $(TO)$(LIBDIR)/libloadkit.so.$(SOVERSION)
	ln -sf libloadkit.so.$(SOVERSION) $(TO)$(LIBDIR)/libloadkit.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
		-e 's|@LIBS_PRIVATE@|$(strip $(LIB_LIBS))|' \
		pkgconfig/loadkit.pc.in >$(TO)$(LIBDIR)/pkgconfig/loadkit.pc
	chmod 644 $(TO)$(LIBDIR)/pkgconfig/loadkit.pc
	for page in $(MAN); do \
		$(INSTALL) -m 644 $$page $(TO)$(MANDIR)/man$${page##*.} || exit 1; \
	done

.PHONY: uninstall
uninstall: ## take away what install put there
	rm -f $(addprefix $(TO)$(LIBDIR)/,libloadkit.a libloadkit.so libloadkit.so.$(SOVERSION) \
		libloadkit.so.$(VERSION) pkgconfig/loadkit.pc)
	rm -f $(foreach page,$(MAN),$(TO)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(HEADERS:include/%=$(TO)$(INCLUDEDIR)/%)
	-rmdir $(TO)$(INCLUDEDIR)/loadkit

.PHONY: dist
dist: ## what is committed as build/loadkit-VERSION.tar.gz, the same bytes each time
	$(Q)mkdir -p $(BUILD)
	$(Q)git archive --prefix=loadkit-$(VERSION)/ -o $(BUILD)/loadkit-$(VERSION).tar HEAD
	$(Q)gzip -9nf $(BUILD)/loadkit-$(VERSION).tar

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

.SECONDARY:
.DELETE_ON_ERROR:
