# `make demo` shows it, `make test` proves it. Both do all their set-up by themselves.

ARCH   := $(shell uname -m)
NATIVE := $(ARCH)-unknown-linux-musl
# The other architecture is built too, and smoke-run under qemu-user.
OTHER  := $(if $(filter x86_64,$(ARCH)),aarch64,x86_64)-unknown-linux-musl
INIT   := target/$(NATIVE)/release/init
LARGEST := 700000

export STEPDOWN_INIT := $(CURDIR)/$(INIT)

.PHONY: build demo test unit lint tools cross size clean

build:
	@rustup target list --installed 2>/dev/null | grep -qx $(NATIVE) || rustup target add $(NATIVE)
	cargo build --release --locked --target $(NATIVE)

# KEEP=1 leaves the app running, and the lab with it.
demo: build
	@trap '[ -n "$$KEEP" ] || tests/lab/podman --lab-stop' EXIT; trap 'exit 130' INT TERM; tests/lab/demo

# Everything: a kernel feature that is missing is a failure here, not a skip.
test: export STEPDOWN_MUST_RUN := 1
test: tools build lint size cross
	tests/lab/setup
	tests/lab/setup --docker
	tests/lab/image docker podman-root podman5
	tests/lab/broker docker podman-root podman5
	tests/lab/django docker podman-root podman5
	@trap 'for engine in podman podman-root podman5 docker; do tests/lab/$$engine --lab-stop; done' EXIT; trap 'exit 130' INT TERM; set -ex; \
		cargo test --locked --target $(NATIVE) -- --nocapture; \
		cargo test --locked --doc

# What needs neither root nor an engine.
unit: build
	cargo test --locked --target $(NATIVE) --lib --test cli --test tidy

lint:
	cargo fmt --check
	cargo clippy --locked --target $(NATIVE) --all-targets -- -D warnings

# The tools of the tests, by name, where this is Debian and they are missing.
tools:
	tests/lab/tools

size: build
	@bytes=$$(stat -c %s $(INIT)); echo "$(INIT): $$bytes bytes, at most $(LARGEST)"; test $$bytes -le $(LARGEST)

cross:
	@rustup target list --installed 2>/dev/null | grep -qx $(OTHER) || rustup target add $(OTHER)
	cargo build --release --locked --target $(OTHER)
	tests/lab/cross target/$(OTHER)/release/init

clean:
	cargo clean
