# The two commands of the README are `make run` and `make test`; everything else is for those who change the code.

SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run build test check peers bench prompts

run: build ## build, start the node with config/ as shipped
	@target/release/ringpost serve

build:
	cargo build --release --locked

# the programs the acceptance tests call with, deliver to and look with
PEERS := sip-tester baresip-core sox espeak-ng tshark

peers:
	@scripts/install-peers

check: ## what CI asks of the source itself
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

test: peers ## everything: unit, property, flows on virtual time, real calls
	cargo nextest run --locked --no-fail-fast || cargo test --locked

bench:
	cargo bench --locked
