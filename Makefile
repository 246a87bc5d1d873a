# Every verb a person needs; `make help` lists them. V=1 shows the commands, SAN=address,undefined or SAN=thread builds
# (and tests) with those sanitizers in a folder of its own.
VERSION := 0.1.0
SAN     ?=
BUILD   ?= build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
PREFIX  ?= /usr/local
CC      ?= cc
comma   := ,
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

PKGS     := luajit libzstd zlib libseccomp numa $(if $(SAN),,jemalloc)
OPT      ?= -O2 $(if $(SAN),,-flto=auto)
CFLAGS   += -std=gnu11 $(OPT) -g -fPIC -fno-omit-frame-pointer -ffp-contract=off -fno-semantic-interposition -Wall -Wextra -Werror \
            -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers -Wno-format-truncation \
            $(if $(SAN),-fsanitize=$(SAN) -DTL_SANITIZED=1 -Wno-stringop-overread -Wno-maybe-uninitialized) -DTL_VERSION='"$(VERSION)"'
CPPFLAGS += -Iruntime
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS)) -lev -lm -lpthread

SRC  := $(sort $(wildcard runtime/*/*.c))
OBJ  := $(SRC:runtime/%.c=$(BUILD)/obj/%.o)
HDR  := $(sort $(wildcard runtime/*/*.h))
LIB  := $(BUILD)/libtidelock.so
BIN  := $(BUILD)/tidelock
CDEF := $(BUILD)/generated/tidelock/cdef.lua
PAGE := $(BUILD)/generated/tidelock/report_page.lua

.PHONY: all run test lint format bench bench-build soak fuzz install clean help deps deps-test deps-bench unit
.DELETE_ON_ERROR:

all: $(BIN) $(PAGE) ## build build/tidelock (the default)
	@:

include tests/rules.mk bench/rules.mk

# What was built of which files, and how: one that comes or goes, or another flag, makes again what depends on it.
sources := $(SRC) $(HDR)
flags   := $(CC) $(CPPFLAGS) $(CFLAGS)
$(BUILD)/sources $(BUILD)/flags: $(BUILD)/%:
	@pkg-config --exists $(PKGS) 2>/dev/null || { echo "make: packages are missing; 'make deps' installs them" >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$($*))' >$@
ifneq ($(file <$(BUILD)/sources),$(sources))
.PHONY: $(BUILD)/sources
endif
ifneq ($(file <$(BUILD)/flags),$(flags))
.PHONY: $(BUILD)/flags
endif

$(BUILD)/obj/%.o: runtime/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(OBJ) $(BUILD)/sources
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -shared -o $@.new $(OBJ) $(PKG_LIBS) && mv $@.new $@

# -rdynamic is not needed: Lua reaches the library by its name.
$(BIN): $(BUILD)/obj/main.o $(LIB) $(CDEF) | $(BUILD)/source
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@.new $(BUILD)/obj/main.o -L$(BUILD) -Wl$(comma)--no-as-needed -ltidelock -Wl$(comma)-rpath$(comma)'$$ORIGIN:$$ORIGIN/../lib/tidelock' $(PKG_LIBS) && mv $@.new $@

$(BUILD)/source:
	@mkdir -p $(@D)
	@ln -sfnr $(CURDIR) $@

# The FFI declarations are the headers themselves, once through the preprocessor.
$(CDEF): $(HDR) $(BUILD)/sources
	@mkdir -p $(@D)
	$(call say,CDEF,$@)
	$(Q){ echo 'return [==[' && printf '#include "%s"\n' $(HDR:runtime/%=%) | $(CC) -E -P -DTL_CDEF $(CPPFLAGS) - && echo ']==]'; } >$@

# What the HTML report is made of, with the chart library from npm.
$(PAGE): $(wildcard lua/tidelock/report/web/*)
	$(call say,PAGE,$@)
	$(Q)sh lua/tidelock/report/web/bundle $(BUILD)/web $@

-include $(OBJ:.o=.d) $(BUILD)/obj/main.d

deps: ## install what building needs (apt, only what is missing)
	@sh tests/install-packages build

# On all cores, unless somebody said how many.
ALL = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) all

run: deps ## install what is missing, build, and run the main job
	$(Q)$(ALL)
	$(Q)sh scripts/demo.sh $(BIN)

INTO = $(DESTDIR)$(PREFIX)
install: all ## install to PREFIX (default /usr/local), under DESTDIR
	$(Q)install -d '$(INTO)/bin' '$(INTO)/lib/tidelock' '$(INTO)/share/doc/tidelock'
	$(Q)install -m 755 $(BIN) '$(INTO)/bin/tidelock'
	$(Q)install -m 755 $(LIB) '$(INTO)/lib/tidelock/libtidelock.so'
	$(Q)rm -rf '$(INTO)/share/tidelock' && mkdir '$(INTO)/share/tidelock'
	$(Q)cp -r lua scripts $(BUILD)/generated '$(INTO)/share/tidelock/'
	$(Q)cp -r README.md LICENSE docs '$(INTO)/share/doc/tidelock/'
	$(Q)chmod -R a+rX '$(INTO)/share/tidelock' '$(INTO)/share/doc/tidelock'
	$(call say,INSTALL,$(INTO)/bin/tidelock)

clean: ## remove what was built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
