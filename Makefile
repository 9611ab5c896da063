# The two commands are `make run` and `make test`; everything else is for those who change boothd.
# One profile and one target folder: tract builds once (docs/design/decisions/0001-one-profile.md).

CARGO_FLAGS ?= --release --locked

.PHONY: run test ci fmt clippy doc audit bench config-docs build

run: build            ## Build and run the booth on the devices it finds, or on the bundled clip
	./target/release/boothd run $(RUN_FLAGS)

build:
	./scripts/install-packages.sh build
	cargo build $(CARGO_FLAGS)

test:                 ## Install what the tests need and run them all
	./scripts/install-packages.sh test
	cargo test $(CARGO_FLAGS)

ci: fmt clippy doc test

fmt:
	cargo fmt --check

clippy:
	./scripts/install-packages.sh build
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps

bench:                ## The numbers of the README's table
	cargo run $(CARGO_FLAGS) -- bench

config-docs:          ## Write boothd.sample.toml and docs/ref/config.md anew from the table of keys
	UPDATE_DOCS=1 cargo test $(CARGO_FLAGS) --test config_docs

audit:                ## Licences, sources and advisories of every dependency
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --locked check
