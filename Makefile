# `make demo` starts the example app, `make test` runs all tests. Both install the programs that they need.

ARCH   := $(shell uname -m)
NATIVE := $(ARCH)-unknown-linux-musl
# The other architecture is also built, and smoke-tested under qemu-user.
OTHER  := $(if $(filter x86_64,$(ARCH)),aarch64,x86_64)-unknown-linux-musl
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
INIT   := target/$(NATIVE)/release/init
LARGEST := 700000

LOG    := target/tests.log
HOST   := --locked --target $(NATIVE) --package stepdown-host

export STEPDOWN_INIT := $(CURDIR)/$(INIT)

# A pipe fails if any of its commands fails.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

.PHONY: build demo test host unit lint docs miri tools cross size dist bench again fuzz mutants release walk clean

build:
	@rustup target list --installed 2>/dev/null | grep -qx $(NATIVE) || rustup target add $(NATIVE)
	tests/lab/release $(NATIVE)

# KEEP=1 leaves the app and the lab running.
demo: build
	@trap '[ -n "$$KEEP" ] || tests/lab/podman --lab-stop' EXIT; trap 'exit 130' INT TERM; tests/lab/demo

# All tests. A missing kernel feature is a failure, not a skip.
test: export STEPDOWN_MUST_RUN := 1
test: tools build lint size cross again dist
	fuzz/run $(or $(SECONDS_EACH),5)
	tests/lab/signed $(NATIVE) $(OTHER)
	tests/lab/setup
	tests/lab/setup --docker
	tests/lab/runsc --version
	tests/lab/image docker podman-root podman5
	tests/lab/copy-from dist/stepdown-$(VERSION).oci.tar $(VERSION)
	tests/lab/broker docker podman-root podman5
	tests/lab/django docker podman-root podman5
	tests/lab/servers
	tests/lab/kernels --short
	@trap 'for engine in podman podman-root podman5 docker; do tests/lab/$$engine --lab-stop; done' EXIT; \
		trap 'exit 130' INT TERM; set -ex; \
		cargo test --locked --target $(NATIVE) --no-fail-fast -- --nocapture --skip every_named_test_ran 2>&1 | tee $(LOG); \
		STEPDOWN_TESTS_LOG=$(LOG) cargo test --locked --target $(NATIVE) --test ledger every_named_test_ran; \
		cargo test --locked --target $(NATIVE) --doc
	$(MAKE) host

# The host side, on real systemd, Quadlet, a registry and cosign. Part of `make test`.
host: export STEPDOWN_MUST_RUN := 1
host: tools build
	tests/lab/setup
	cargo build --release --locked --target $(NATIVE) --package stepdown-host
	mkdir -p target/manual && target/$(NATIVE)/release/stepdown manual >target/manual/stepdown.1
	tests/lab/man-lint target/manual
	cargo test $(HOST) --no-run
	@trap 'for name in tests interrupted units; do tests/lab/systemd stop host-$$name; done' EXIT; \
		trap 'exit 130' INT TERM; \
		cargo test $(HOST) --test units -- --test-threads=1 --nocapture >target/host-units.log 2>&1 & units=$$!; \
		cargo test $(HOST) --bin stepdown --test answers --test cli || failed=1; \
		cargo test $(HOST) --test real -- --test-threads=1 --nocapture || failed=1; \
		tests/lab/systemd stop host-tests; \
		cargo test $(HOST) --test interrupted -- --test-threads=1 --nocapture || failed=1; \
		wait $$units || failed=1; cat target/host-units.log; exit $${failed:-0}

.PHONY: engines engines-here
# The rows of all engines and runtimes with their tables, and again with those of Debian forky: about 20 minutes.
# STEPDOWN_ROWS=seal
engines: tools build
	tests/lab/runsc --version
	$(MAKE) engines-here PROGRAMS="--test engines --test matrix --test gvisor --test runtimes"
	STEPDOWN_NEWER=forky $(MAKE) engines-here ROOT=podman5-root PROGRAMS="--test engines --test matrix --test runtimes"

engines-here: export STEPDOWN_MUST_RUN := 1
engines-here:
	tests/lab/setup
	tests/lab/setup --docker
	tests/lab/image docker podman-root podman5 $(ROOT)
	tests/lab/broker docker podman-root podman5 $(ROOT)
	tests/lab/django docker podman-root podman5 $(ROOT)
	tests/lab/servers
	@trap 'for engine in podman podman-root podman5 $(ROOT) docker; do tests/lab/$$engine --lab-stop; done' EXIT; \
		trap 'exit 130' INT TERM; \
		cargo test --locked --target $(NATIVE) --no-fail-fast $(PROGRAMS) -- --nocapture

.PHONY: kernels
# Test programs on the kernels of four Debian releases, for x86-64 and aarch64, in emulated machines: about 40 minutes.
# RELEASES="bullseye forky" ARCHES=x86_64
kernels: tools build
	tests/lab/kernels $(RELEASES)

.PHONY: machines
# Rendered units over their limits, an update that is rolled back and a reboot, in an emulated machine with systemd,
# Podman and control groups: about fifteen minutes.
machines: tools build
	tests/lab/machines

.PHONY: host-table
# The usual deploy script and stepdown side by side, as a table: about fifteen minutes. ONLY=good,hanging
host-table: tools build
	tests/lab/setup
	@trap 'tests/lab/systemd stop host-table' EXIT; trap 'exit 130' INT TERM; \
		cargo bench --locked --target $(NATIVE) --package stepdown-host --bench table

# The fast tests: about 1 s after compiling, without root and without a container engine.
unit: build
	cargo test --locked --target $(NATIVE) --lib --test arena --test cli --test ledger --test tidy

lint:
	cargo fmt --all --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --locked --target $(NATIVE) --all-targets -- -D warnings
	cargo clippy --locked --target $(NATIVE) --package stepdown-host --all-targets -- -D warnings
	tests/lab/deny
	tests/lab/man-lint

# Writes docs/errors.md and the help in docs/cli.md from real runs; the docs test fails where they differ.
docs: build
	cargo build --locked --target $(NATIVE) --examples
	STEPDOWN_MUST_RUN=1 STEPDOWN_WRITE_DOCS=1 cargo test --locked --target $(NATIVE) --test docs the_

# Installs the programs that the tests use on Debian, and lists the missing ones elsewhere.
tools:
	tests/lab/tools

size: build
	@bytes=$$(stat -c %s $(INIT)); echo "$(INIT): $$bytes bytes, at most $(LARGEST)"; test $$bytes -le $(LARGEST)

cross:
	@rustup target list --installed 2>/dev/null | grep -qx $(OTHER) || rustup target add $(OTHER)
	tests/lab/release $(OTHER)
	tests/lab/cross target/$(OTHER)/release/init

# Compares whole processes with tini, gosu and others, as tables; as root. ROUNDS=400 FILES=1000000 ONLY=starts
bench: tools build
	cargo build --release --locked --target $(NATIVE) --example noop --example floor
	cargo run --locked --target $(NATIVE) --example whole

# Builds again in another directory and compares the bytes.
again: build
	tests/lab/again $(NATIVE) $(INIT)

# SECONDS_EACH=600 fuzzes each target for ten minutes.
fuzz: tools
	fuzz/run $(or $(SECONDS_EACH),60)

# The files of a release, in dist/: binaries, OCI archive, Debian packages, manual pages, bills of materials, checksums,
# build information. COSIGN_KEY=FILE (password: COSIGN_PASSWORD) signs the checksums and attests the build.
dist: size cross
	tests/lab/dist $(NATIVE) $(OTHER) $(MORE)

# The same, and fails if a second build in another directory has different bytes. MORE adds targets that rustup can
# install: MORE="riscv64gc-unknown-linux-musl powerpc64le-unknown-linux-musl". 32-bit targets do not compile.
release: size cross again
	set -e; for target in $(MORE); do \
		rustup target add $$target; tests/lab/release $$target; tests/lab/cross target/$$target/release/init; \
	done
	tests/lab/again $(OTHER) target/$(OTHER)/release/init
	tests/lab/dist $(NATIVE) $(OTHER) $(MORE)

# The allocator's tests under Miri. Needs the nightly toolchain with Miri.
miri:
	tests/lab/miri

# Follows the README from a clone to a running image, and prints how long that takes.
walk:
	tests/lab/setup
	@trap 'tests/lab/podman --lab-stop' EXIT; trap 'exit 130' INT TERM; tests/lab/walk

# Changes the source in one place at a time, and expects a test to fail for each change: about twenty minutes.
mutants: tools
	tests/lab/mutants

clean:
	cargo clean
