# Included by the Makefile: one program a question. A C or C++ file in bench/ becomes $(BUILD)/bench/NAME.
CXX        ?= c++
BENCH_SRC  := $(wildcard bench/*.c bench/*.cc)
BENCH_BIN  := $(patsubst bench/%,$(BUILD)/bench/%,$(basename $(BENCH_SRC)))

$(BUILD)/bench/%: bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Ibench $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -o $@ $< -L$(BUILD) -ltidelock -Wl$(comma)-rpath$(comma)'$$ORIGIN/..' $(PKG_LIBS)

$(BUILD)/bench/%: bench/%.cc $(LIB)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=gnu++17 -O2 -g -Wall -Wextra $(CPPFLAGS) -Ibench -MMD -MP -o $@ $< $(filter %.o,$^) -L$(BUILD) -ltidelock -Wl$(comma)-rpath$(comma)'$$ORIGIN/..' -lck -lpthread

# Concurrency Kit's header is C only.
$(BUILD)/bench/queue: $(BUILD)/bench/ck_queue.o
$(BUILD)/bench/ck_queue.o: bench/peers/ck_queue.c bench/peers/ck_queue.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 -O2 -g -c -o $@ $<

-include $(BENCH_BIN:=.d)

deps-bench:
	@sh tests/install-packages build bench

bench-build: all $(BENCH_BIN)

bench: deps deps-bench ## run every benchmark and print the tables of docs/BENCHMARKS.md
	$(Q)$(MAKE) --no-print-directory bench-build
	$(Q)sh bench/run $(BUILD)
