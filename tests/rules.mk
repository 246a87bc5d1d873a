# Included by the Makefile: tests and lint.
SAN_LIBS = $(if $(findstring address,$(SAN)),$(shell $(CC) -print-file-name=libasan.so)) $(if $(findstring thread,$(SAN)),$(shell $(CC) -print-file-name=libtsan.so))
TEST_ENV = TIDELOCK_BUILD=$(abspath $(BUILD)) $(if $(SAN),TIDELOCK_SAN=$(SAN) TIDELOCK_PRELOAD="$(strip $(SAN_LIBS))" \
           ASAN_OPTIONS=detect_leaks=0:handle_segv=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1)
SPECS ?= $(wildcard tests/unit tests/integration tests/conformance tests/chaos) scripts

deps-test:
	@sh tests/install-packages build test

test: deps deps-test ## install what is missing, build, and run all tests (SPECS= for some)
	$(Q)$(ALL)
	$(Q)$(MAKE) --no-print-directory unit

# A C program in tests/support/ is the other process of some spec; tests/support/program.lua also makes one when a spec is run alone.
SUPPORT = $(patsubst tests/support/%.c,$(BUILD)/support/%,$(wildcard tests/support/*.c))
$(BUILD)/support/%: tests/support/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -o $@ $< -L$(BUILD) -ltidelock -Wl$(comma)-rpath$(comma)'$$ORIGIN/..' $(PKG_LIBS)
-include $(SUPPORT:=.d)

unit: all $(SUPPORT) ## the tests without the set-up
	$(Q)$(TEST_ENV) sh tests/run $(SPECS)

lint: ## formatting, static analysis, luacheck, include directions
	$(Q)sh tests/lint

format: ## rewrite the C sources in the project's format
	$(Q)clang-format -i $(SRC) $(HDR) runtime/main.c $(wildcard tests/*/*.c bench/*.c)

soak: all $(SUPPORT) ## the long validators (minutes)
	$(Q)$(TEST_ENV) TIDELOCK_SOAK=1 sh tests/run $(SPECS)

# A C file in tests/validate/ but the harness is a validator: processes over real regions that are killed. tests/chaos/queues_spec.lua builds and runs them.
VALIDATORS = $(patsubst tests/validate/%.c,$(BUILD)/validate/%,$(filter-out %/harness.c,$(wildcard tests/validate/*.c)))
$(BUILD)/validate/%: tests/validate/%.c tests/validate/harness.c tests/validate/harness.h $(LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Itests/validate $(CFLAGS) -o $@ $< tests/validate/harness.c -L$(BUILD) -ltidelock -Wl$(comma)-rpath$(comma)'$$ORIGIN/..' -lpthread

.PHONY: validators
validators: $(VALIDATORS)

# A C file in tests/fuzz/ is a target. clang brings libFuzzer; without it a small driver does random harm to the same seeds.
FUZZ_SECONDS ?= 20
FUZZ_NAMES    = $(basename $(notdir $(wildcard tests/fuzz/*.c)))
FUZZ_SRC      = $(wildcard runtime/base/*.c runtime/memory/*.c runtime/market/*.c)
FUZZ_FLAGS    = -std=gnu11 -O1 -g -Iruntime -DTL_VERSION='"$(VERSION)"'
FUZZ_LIBS     = $(shell pkg-config --libs libzstd zlib) -lm
HAVE_CLANG    = $(shell echo 'int LLVMFuzzerTestOneInput(void){return 0;}' | clang -fsanitize=fuzzer -xc - -o /dev/null 2>/dev/null && echo yes)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_SRC) $(HDR)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(if $(HAVE_CLANG),clang -fsanitize=fuzzer$(comma)address$(comma)undefined -fno-sanitize-recover=all $(FUZZ_FLAGS) -o $@ $< $(FUZZ_SRC), \
	    $(CC) -fsanitize=address$(comma)undefined $(FUZZ_FLAGS) -o $@ $< tests/fuzz/driver/main.c $(FUZZ_SRC)) $(FUZZ_LIBS)

fuzz: all $(FUZZ_NAMES:%=$(BUILD)/fuzz/%) ## harm to every parser for FUZZ_SECONDS each (default 20), under sanitizers
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) HAVE_CLANG=$(HAVE_CLANG) sh tests/fuzz/run $(BUILD) $(FUZZ_NAMES)
