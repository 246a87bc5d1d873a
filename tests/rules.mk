# Included by the Makefile: tests and lint.
SAN_LIBS = $(if $(findstring address,$(SAN)),$(shell $(CC) -print-file-name=libasan.so)) $(if $(findstring thread,$(SAN)),$(shell $(CC) -print-file-name=libtsan.so))
# luajit opens the library late, and jemalloc's thread-local storage must be there from the start.
JEMALLOC = $(shell pkg-config --variable=libdir jemalloc)/libjemalloc.so.2
TEST_ENV = TIDELOCK_BUILD=$(abspath $(BUILD)) $(if $(SAN),TIDELOCK_SAN=$(SAN) LD_PRELOAD="$(strip $(SAN_LIBS))" \
           ASAN_OPTIONS=detect_leaks=0:handle_segv=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1,LD_PRELOAD=$(JEMALLOC))
SPECS ?= tests/unit tests/integration tests/conformance tests/chaos scripts

deps-test:
	@sh tests/install-packages build test

test: deps deps-test ## install what is missing, build, and run all tests (SPECS= for some)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory unit

unit: all ## the tests without the set-up
	$(Q)$(TEST_ENV) sh tests/run $(SPECS)

lint: ## formatting, static analysis, luacheck, include directions
	$(Q)sh tests/lint

format: ## rewrite the C sources in the project's format
	$(Q)clang-format -i $(SRC) $(HDR) runtime/main.c $(wildcard tests/*/*.c bench/*.c)

soak: all ## the long validators (minutes)
	$(Q)$(TEST_ENV) TIDELOCK_SOAK=1 sh tests/run $(SPECS)
