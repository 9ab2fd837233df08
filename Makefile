# SPDX-License-Identifier: Apache-2.0
# make            build the programs into build/bin
# make demo       set up, build, and run a GPU container from a bundle with real runc
# make test       set up, build, and run every test
# make bench | fuzz | sanitize | reproducible | lint | install | gpu-pack | gpu-check | help

SHELL := /bin/bash
.DEFAULT_GOAL := all

PREFIX ?= /usr
DESTDIR ?=
BUILD ?= build
# Seconds for each fuzz target.
FUZZ_SECONDS ?= 60
PYTHON ?= /usr/bin/python3

PROGRAMS := nvidia-runtime nvidia-runtime-hook nvidia-ctk nvidia-container-cli

# One static, position-independent executable each: no loader, no LD_*, no glibc floor, and the image still has ASLR.
# --disable-local-rpath: glibc's static-PIE start-up asserts that there is no RUNPATH.
# What else is there for size, and how much larger the shim would be without: --gc-sections 820 KB,
# pack-relative-relocs 450 KB, static.ld 920 KB, -function-sections 34 KB, --icf=safe 15 KB.
# The prefix maps keep the folder that it is built in out of the programs (make reproducible).
# start-order is for speed: side by side, the functions of a start lie in half of the pages: 0.1 ms of each start.
STATIC := -c release --disable-local-rpath --static-swift-stdlib --scratch-path $(BUILD)/swift \
	-Xswiftc -static-executable -Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-pie \
	-Xlinker --gc-sections -Xlinker --icf=safe -Xlinker -z -Xlinker pack-relative-relocs -Xlinker -z -Xlinker now \
	-Xlinker $(CURDIR)/packaging/static.ld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/packaging/start-order -Xlinker --no-warn-symbol-ordering \
	-Xswiftc -Osize -Xswiftc -Xfrontend -Xswiftc -function-sections \
	-Xswiftc -file-prefix-map -Xswiftc $(CURDIR)=. -Xcc -ffile-prefix-map=$(CURDIR)=.

# The one dynamic program: it loads the driver's library. Sources/nvidia-runtime-nvml/glibc.h says why libdl.so.2 and
# --wrap: a program built here starts with the C libraries of old hosts too.
NVML := nvidia-runtime-nvml
DYNAMIC := -std=gnu17 -O2 -g -Wall -Wextra -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pie -Wl,-z,relro,-z,now \
	-ffile-prefix-map=$(CURDIR)=. -Wl,--wrap=__libc_start_main -Wl,--no-as-needed -l:libdl.so.2

.PHONY: all setup binaries demo demo-driver-files test unit blackbox engines bench start-order fuzz sanitize reproducible lint format install gpu-pack gpu-check clean help

all: binaries

help:
	@sed -n '2,5s/^# //p' $(firstword $(MAKEFILE_LIST))

# What a fresh Debian machine lacks; does nothing where all is there.
setup:
	@packaging/scripts/setup

binaries: $(BUILD)/bin/$(NVML)
	swift build $(STATIC)
	@mkdir -p $(BUILD)/bin $(BUILD)/symbols
	@for program in $(PROGRAMS); do \
		packaging/scripts/split-symbols $(BUILD)/swift/release/$$program $(BUILD)/bin/$$program $(BUILD)/symbols/$$program.debug || exit 1; \
	done

$(BUILD)/bin/$(NVML): $(wildcard Sources/$(NVML)/*) Makefile
	@mkdir -p $(BUILD)/bin $(BUILD)/symbols
	$(CC) $(filter %.c,$^) $(DYNAMIC) -o $(BUILD)/$(NVML)
	@packaging/scripts/split-symbols $(BUILD)/$(NVML) $@ $(BUILD)/symbols/$(NVML).debug

install: binaries
	@packaging/scripts/install $(BUILD)/bin "$(DESTDIR)$(PREFIX)"

demo: setup binaries
	@testdata/demo/demo $(BUILD)/bin

# The demo with NVIDIA's own files in place of the simulated ones, from Debian's non-free packages (350 MB). Their
# nvidia-smi starts in the container and says that there is no GPU.
demo-driver-files: setup binaries
	@testdata/simulated-node/fetch-driver-files $(BUILD)/driver-files
	@testdata/simulated-node/simulate-node --real-driver-files $(BUILD)/driver-files -- testdata/demo/demo $(BUILD)/bin

test: setup binaries unit blackbox engines
	@echo; echo "All tests passed."

unit:
	swift test --scratch-path $(BUILD)/swift-test

blackbox: $(BUILD)/roots/debian $(BUILD)/roots/bullseye
	@Tests/run-python blackbox $(BUILD)/bin
	@Tests/run-python attack $(BUILD)/bin
	@Tests/run-python faults $(BUILD)/bin

# A whole Debian to compare the hook with ldconfig on.
$(BUILD)/roots/debian:
	@mkdir -p $(BUILD)/roots
	@rm -rf $@.new
	debootstrap --variant=minbase bookworm $@.new >$@.log 2>&1 || { tail $@.log; exit 1; }
	@mv $@.new $@

# An old host. Debian moves its old releases away: then the tests on it say that they are left out.
$(BUILD)/roots/bullseye:
	@mkdir -p $(BUILD)/roots
	@rm -rf $@.new
	debootstrap --variant=minbase bullseye $@.new >$@.log 2>&1 && mv $@.new $@ || tail $@.log

engines:
	@Tests/engines/run $(BUILD)/bin

bench: setup binaries
	@testdata/bench/run $(BUILD)/bin

# Records anew which functions a start runs, for the linker; to be done after a change of toolchain or libc.
start-order: setup binaries
	@testdata/bench/record-order $(BUILD)/swift/release packaging/start-order

fuzz: setup
	@Tests/Fuzz/run $(BUILD) $(FUZZ_SECONDS)

# The modules' tests with the address sanitizer, C and C++ included. XCTest leaks a few bytes of its own.
sanitize: setup
	ASAN_OPTIONS=detect_leaks=0 swift test --scratch-path $(BUILD)/swift-sanitize --sanitize address \
		-Xswiftc -enforce-exclusivity=checked

# Builds the programs of the last commit twice, in two folders, and compares them.
reproducible: setup
	@packaging/scripts/check-reproducible $(BUILD)

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

format:
	swift format --in-place --recursive Sources Tests Package.swift

# Packs what a machine with a GPU, without a network and without a Swift toolchain needs.
gpu-pack: setup binaries
	@testdata/gpu-check/pack $(BUILD)/bin $(BUILD)/gpu-check

gpu-check:
	@[ -d $(BUILD)/gpu-check ] || $(MAKE) gpu-pack
	@testdata/gpu-check/gpu-check $(BUILD)/gpu-check

clean:
	rm -rf $(BUILD)
