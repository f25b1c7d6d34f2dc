# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make            build everything into build/
#   make demo       stock peers behind NATs meet through the relay and use a LAN, narrated
#   make check      all tests
#   make check-vm   some of them on Debian's kernel 6.1 with in-kernel WireGuard, in QEMU; TESTS=vm/reload: a group
#   make bench      what it costs, beside baselines measured in the same run
#   make fuzz       each parser's fuzzer for FUZZ_SECONDS
#   make SAN=1 …    with address and undefined-behaviour sanitizers, into build-san/

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all next-abi bpf check check-vm check-deps check-unit check-bpf check-net demo bench fuzz fuzzers format \
	format-check install clean deps deps-check deps-demo deps-bench docs

SAN ?=
B := $(if $(SAN),build-san,build)$(BUILD_SUFFIX)
VERSION := 0.1.0

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PREFIX ?= /usr
DESTDIR ?=
SYSCONFDIR ?= /etc

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CPPFLAGS += -D_GNU_SOURCE -DTP_VERSION='"$(VERSION)"' -I. -Iuserspace -I$(B)
CFLAGS += -std=gnu11 -O2 -g -fstack-protector-strong $(WARN)
ifdef SAN
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
ARCH := $(shell uname -m | sed -e 's/x86_64/x86/' -e 's/aarch64/arm64/')
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -I. -isystem /usr/include/$(MULTIARCH) \
	-Wall -Wextra -Wshadow -Wno-unused-parameter -Werror

LIBS_turnpike := -lbpf -lsodium -lcrypto -lmnl -lconfig -levent -ljansson -lcap-ng -lseccomp
LIBS_relay := -lxdp
LIBS_tls := -levent_openssl -lssl
LIBS_control := -lsqlite3 $(LIBS_tls)

# --- sources: a directory is a library or a program ------------------------------------------

BPF_SRC := $(wildcard bpf/*.bpf.c tests/bpf/*.bpf.c bench/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=$(B)/%.bpf.o)
SKEL := $(BPF_SRC:%.bpf.c=$(B)/%.skel.h)

LIB_SRC := $(wildcard userspace/*.c)
CLI_SRC := $(wildcard userspace/cli/*.c)
RELAY_SRC := $(wildcard relay/*.c)
GATEWAY_SRC := $(wildcard gateway/*.c)
CONTROL_SRC := $(wildcard control/*.c)
SCHEMA := $(sort $(wildcard control/schema_*.sql))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
BPFT_SRC := $(wildcard tests/bpf/test_*.c)
HARNESS_SRC := $(filter-out $(BPFT_SRC) %.bpf.c,$(wildcard tests/bpf/*.c))
SIM_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
TOOL_SRC := $(wildcard tests/interop/*.c)
BENCH_SRC := $(filter-out %.bpf.c,$(wildcard bench/*.c))
BENCHLIB_SRC := $(wildcard bench/lib/*.c)

obj = $(patsubst %.c,$(B)/%.o,$(1))
LIBTURNPIKE := $(B)/libturnpike.a
LIBRELAY := $(B)/relay/librelay.a
LIBGATEWAY := $(B)/gateway/libgateway.a
LIBCONTROL := $(B)/control/libcontrol.a
HARNESS := $(B)/tests/bpf/libharness.a
SIM := $(B)/tests/unit/libsim.a
LIBBENCH := $(B)/bench/libbench.a

PROGRAMS := $(B)/turnpike $(B)/turnpike-relay \
	$(if $(and $(wildcard bpf/gateway.bpf.c),$(wildcard userspace/wireguard.c)),$(B)/turnpike-gateway) \
	$(B)/turnpike-control
UNIT := $(UNIT_SRC:%.c=$(B)/%)
BPFT := $(BPFT_SRC:%.c=$(B)/%)
TOOLS := $(TOOL_SRC:%.c=$(B)/%)
BENCH := $(BENCH_SRC:%.c=$(B)/%)
FUZZ := $(FUZZ_SRC:%.c=$(B)/%)
# What the demo needs of the network lab: the program on the far end of a veth, the LAN's hosts.
LAB := $(B)/tests/bpf/pass.bpf.o $(B)/tests/interop/lan_server $(B)/tests/interop/delay_wire

all: $(PROGRAMS)
# Into a directory of its own: with changed map layouts, to upgrade to in tests.
next-abi:
	$(MAKE) BUILD_SUFFIX=-next BPF_DEFS="-DTP_RELAY_ABI_NEXT -DTP_GW_ABI_NEXT" all
bpf: $(BPF_OBJ)
tests: $(UNIT) $(BPFT) $(TOOLS)

# --- BPF: object, then skeleton --------------------------------------------------------------

$(B)/%.bpf.o: %.bpf.c Makefile
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) $(BPF_DEFS) -MMD -MP -MT $@ -c $< -o $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(subst .,_,$(notdir $*))_bpf > $@.tmp
	mv $@.tmp $@

# --- C ---------------------------------------------------------------------------------------

# A daemon waits for its own program only: the tests' and benchmarks' may break by themselves.
$(call obj,$(RELAY_SRC)): | $(B)/bpf/relay.skel.h
$(call obj,$(GATEWAY_SRC)): | $(B)/bpf/gateway.skel.h
$(B)/userspace/bpf_tick.o: | $(B)/bpf/tick.skel.h
$(call obj,$(UNIT_SRC) $(BPFT_SRC) $(HARNESS_SRC) $(TOOL_SRC) $(BENCH_SRC)): | $(SKEL)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(BPF_DEFS) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIBTURNPIKE): $(call obj,$(LIB_SRC))
$(LIBRELAY): $(call obj,$(filter-out relay/main.c,$(RELAY_SRC)))
$(LIBGATEWAY): $(call obj,$(filter-out gateway/main.c,$(GATEWAY_SRC)))
$(LIBCONTROL): $(call obj,$(filter-out control/main.c,$(CONTROL_SRC))) $(B)/control/schema.o
$(HARNESS): $(call obj,$(HARNESS_SRC))
$(SIM): $(call obj,$(SIM_SRC))
$(LIBBENCH): $(call obj,$(BENCHLIB_SRC))
$(LIBTURNPIKE) $(LIBRELAY) $(LIBGATEWAY) $(LIBCONTROL) $(HARNESS) $(SIM) $(LIBBENCH): $(B)/files
	rm -f $@ && ar rcs $@ $(filter %.o,$^)

# A file that is gone makes nothing newer: written when the list is another, so that no archive keeps its object.
.PHONY: FORCE
FILES := $(LIB_SRC) $(RELAY_SRC) $(GATEWAY_SRC) $(CONTROL_SRC) $(HARNESS_SRC) $(SIM_SRC) $(BENCHLIB_SRC)
$(B)/files: FORCE
	@mkdir -p $(@D)
	@echo $(sort $(FILES)) | cmp -s - $@ || echo $(sort $(FILES)) >$@

# Each migration as a C string.
$(B)/control/schema.c: $(SCHEMA) Makefile
	@mkdir -p $(@D)
	{ echo '#include "control/schema.h"'; \
	echo 'const char *const ctl_schema[] = {'; \
	for sql in $(SCHEMA); do sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $$sql; echo ,; done; \
	echo '};'; \
	echo 'const size_t ctl_schema_n = sizeof(ctl_schema) / sizeof(ctl_schema[0]);'; } > $@

$(B)/control/schema.o: $(B)/control/schema.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/turnpike-relay: $(B)/relay/main.o $(LIBRELAY) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_relay) $(LIBS_turnpike) -o $@

$(B)/turnpike-gateway: $(B)/gateway/main.o $(LIBGATEWAY) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_turnpike) -o $@

$(B)/turnpike-control: $(B)/control/main.o $(LIBCONTROL) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_control) $(LIBS_turnpike) -o $@

$(B)/turnpike: $(call obj,$(CLI_SRC)) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lqrencode $(LIBS_tls) $(LIBS_turnpike) -o $@

$(BPFT): TEST_LIBS := $(HARNESS) $(SIM)
$(BPFT): $(HARNESS)
$(UNIT): TEST_LIBS := $(SIM)
$(UNIT) $(BPFT): $(B)/tests/%: $(B)/tests/%.o $(SIM) $(LIBRELAY) $(LIBGATEWAY) $(LIBCONTROL) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $< $(TEST_LIBS) $(LIBRELAY) $(LIBGATEWAY) $(LIBCONTROL) $(LIBTURNPIKE) \
		-lcmocka $(LIBS_relay) $(LIBS_control) $(LIBS_turnpike) -o $@

$(TOOLS): $(B)/%: $(B)/%.o $(LIBRELAY) $(LIBGATEWAY) $(LIBCONTROL) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_relay) $(LIBS_control) $(LIBS_turnpike) -lm -o $@

$(BENCH): $(B)/%: $(B)/%.o $(LIBBENCH) $(LIBRELAY) $(LIBGATEWAY) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_relay) $(LIBS_turnpike) -lm -o $@

# Only tests/fuzz/run.sh builds these: with clang, sanitizers and coverage, in a directory of its own.
fuzzers: $(FUZZ)

$(FUZZ): $(B)/%: $(B)/%.o $(LIBRELAY) $(LIBGATEWAY) $(LIBCONTROL) $(LIBTURNPIKE)
	$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer $^ $(LIBS_relay) $(LIBS_control) $(LIBS_turnpike) -o $@

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)

# --- what a user calls -----------------------------------------------------------------------

deps:
	scripts/deps.sh build
deps-demo:
	scripts/deps.sh build test
deps-check:
	scripts/deps.sh build test interop
deps-bench:
	scripts/deps.sh build test bench

demo: deps-demo
	@$(MAKE) --no-print-directory all $(LAB)
	tests/net/demo.sh

# On Debian's own kernel 6.1 with in-kernel WireGuard peers, emulated: an hour or more on a busy machine. The
# groups are those of tests/vm/README.md.
check-vm: deps-check
	scripts/deps.sh vm
	TESTS="$${TESTS:-vm}" tests/run.sh

check: deps-check
	tests/run.sh

bench: deps-bench
	@$(MAKE) --no-print-directory all bench-programs
	bench/run.sh

bench-programs: $(BENCH)

fuzz: deps-check
	tests/fuzz/run.sh

check-deps:
	scripts/check-deps.sh

FORMAT_SRC = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(FORMAT_SRC)
format-check:
	clang-format --dry-run -Werror $(FORMAT_SRC)

install: all
	install -Dm755 -t $(DESTDIR)$(PREFIX)/sbin $(filter %-relay %-gateway %-control,$(PROGRAMS))
	install -Dm755 -t $(DESTDIR)$(PREFIX)/bin $(B)/turnpike
	install -Dm644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system $(wildcard configs/*.service)
	install -Dm644 configs/turnpike.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/turnpike.conf
	install -Dm644 configs/turnpike.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/turnpike.conf
	install -Dm644 configs/relay.conf $(DESTDIR)$(SYSCONFDIR)/turnpike/relay.conf.example
	install -Dm644 configs/control.conf $(DESTDIR)$(SYSCONFDIR)/turnpike/control.conf.example
	install -Dm644 configs/gateway.conf $(DESTDIR)$(SYSCONFDIR)/turnpike/gateway.conf.example
	install -Dm644 configs/node.conf $(DESTDIR)$(SYSCONFDIR)/turnpike/node.conf.example
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(wildcard docs/man/*.1)
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man5 $(wildcard docs/man/*.5)
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(wildcard docs/man/*.8)

# What is made from the code's tables.
docs:
	scripts/man.sh
	scripts/drop-reasons.sh

clean:
	rm -rf build build-san
