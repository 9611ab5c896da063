# The two commands are `make run` and `make test`; everything else is for those who change boothd.
# One profile and one target folder: tract builds once (docs/design/decisions/0001-one-profile.md).

CARGO_FLAGS ?= --release --locked

.PHONY: run test ci fmt clippy doc audit bench config-docs build fuzz man sbom deb deb-arm64 test-deb \
	test-deb-arm64 cross test-arm64 image image-arm64 test-hardware test-hardware-arm64 test-appliance

run: build            ## Build and run the booth on the devices it finds, or on the bundled clip
	./target/release/boothd run $(RUN_FLAGS)

build:
	./scripts/install-packages.sh build
	cargo build $(CARGO_FLAGS)

test:                 ## Install what the tests need and run them all
	./scripts/install-packages.sh test
	cargo test $(CARGO_FLAGS)

ci: fmt clippy doc test test-appliance

fmt:
	cargo fmt --all --check

clippy:
	./scripts/install-packages.sh build
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps

bench:                ## The numbers of docs/ref/measurements.md
	cargo run $(CARGO_FLAGS) -- bench

config-docs:          ## Write boothd.sample.toml and docs/ref/config.md anew from the table of keys
	UPDATE_DOCS=1 cargo test $(CARGO_FLAGS) --test config_docs

audit:                ## Licences, sources and advisories of every dependency
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --locked check

man:                  ## Manual pages and shell completions into target/manual
	cargo test $(CARGO_FLAGS) --test manual

sbom:                 ## Bill of materials (CycloneDX) and the crates' licences into target/manual/bill
	python3 scripts/bill.py target/manual/bill

deb:                  ## target/packages/boothd_VERSION_amd64.deb
	./scripts/install-packages.sh package
	./scripts/package.sh amd64

cross:                ## boothd for 64-bit ARM
	./scripts/install-packages.sh cross
	./scripts/cross.sh build $(CARGO_FLAGS)

deb-arm64:            ## target/packages/boothd_VERSION_arm64.deb
	./scripts/install-packages.sh package
	./scripts/install-packages.sh cross
	./scripts/package.sh arm64

# The package in a fresh Debian, and after it the same as a newer version. As root.
NEWER = 9999-1

test-deb: deb
	./scripts/package.sh amd64 --deb-version $(NEWER)
	./tests/package/install.sh amd64 $$(ls target/packages/boothd_*_amd64.deb | grep -v $(NEWER)) \
	  target/packages/boothd_$(NEWER)_amd64.deb
	lintian --fail-on error,warning target/packages/boothd_$(NEWER)_amd64.deb

test-deb-arm64: deb-arm64
	./scripts/package.sh arm64 --deb-version $(NEWER)
	./scripts/emulated.sh ./tests/package/install.sh arm64 \
	  $$(ls target/packages/boothd_*_arm64.deb | grep -v $(NEWER)) target/packages/boothd_$(NEWER)_arm64.deb
	lintian --fail-on error,warning target/packages/boothd_$(NEWER)_arm64.deb

# What needs no threads' timing: an emulated processor is slow.
ARM64_TESTS ?= --lib --test accuracy_speech --test vision --test decode_pictures --test decode_sound \
	--test capture --test accuracy_vision

test-arm64:           ## The tests on an emulated 64-bit ARM. As root.
	./scripts/install-packages.sh cross
	./scripts/emulated.sh ./scripts/cross.sh test $(CARGO_FLAGS) --no-fail-fast $(ARM64_TESTS)

# The appliance (docs/guide/image.md). As root. PACKAGE=… takes a package that is there.
image:                ## target/image/boothd-amd64.img and .raucb
	./scripts/install-packages.sh image
	[ -n "$(PACKAGE)" ] || $(MAKE) deb
	./image/build.sh amd64 $(or $(PACKAGE),$$(ls target/packages/boothd_*_amd64.deb | grep -v $(NEWER))) target/image

image-arm64:          ## The same for a Raspberry Pi 4
	./scripts/install-packages.sh image
	./scripts/install-packages.sh cross
	[ -n "$(PACKAGE)" ] || $(MAKE) deb-arm64
	./scripts/emulated.sh ./image/build.sh arm64 \
	  $(or $(PACKAGE),$$(ls target/packages/boothd_*_arm64.deb | grep -v $(NEWER))) target/image

# Which of tests/hardware/scenarios.py; none: all.
HARDWARE_TESTS ?=

test-hardware:        ## The image of target/image in QEMU, on the kernel's own drivers
	./scripts/install-packages.sh hardware
	./tests/hardware/run.py --image target/image $(HARDWARE_TESTS)

test-hardware-arm64:  ## The arm64 image as far as QEMU's boards go; `raspi4b` needs QEMU 9 (Debian 12's backports)
	./scripts/install-packages.sh hardware-arm64
	./tests/hardware/arm64.py --image target/image

# What of it fits beside the other tests: the program that they built, an image at quick compression,
# and the scenarios that take seconds. As root.
APPLIANCE_TESTS = boot mqtt ssh camera microphone light killed disk_full unsigned power_cuts

test-appliance:       ## A booth in QEMU: from the plug to healthy, its faults, and power that goes
	./scripts/install-packages.sh image
	./scripts/install-packages.sh hardware
	PROFILE=release ./scripts/package.sh amd64
	SQUASHFS_LEVEL=1 ./image/build.sh amd64 target/packages/release/boothd_*_amd64.deb target/appliance
	./tests/hardware/run.py --image target/appliance --work target/appliance/run --cuts 3 $(APPLIANCE_TESTS)

FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= webm opus_packet data_url wav y4m mjpeg message
FUZZ_FLAGS ?=         # `--features whole` for the targets `config` and `guest`, which build all of boothd

fuzz:                 ## FUZZ_SECONDS on each of FUZZ_TARGETS; needs nightly Rust
	command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
	cd fuzz && for target in $(FUZZ_TARGETS); do mkdir -p target/found/$$target; \
	  cargo +nightly fuzz run -s none $(FUZZ_FLAGS) $$target target/found/$$target corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -rss_limit_mb=512 -timeout=10 || exit 1; done
