# The two commands of the README are `make run` and `make test`; everything else is for those who change the code.

SHELL := /bin/bash

.PHONY: run build test check peers explore mutants bench bench-router bench-refresh bench-recycle bench-replay prompts man

run: build ## build, start the node with config/ as shipped
	@target/release/ringpost serve

build:
	cargo build --release --locked

peers: ## the programs the acceptance tests call with, deliver to and look with
	@scripts/install-peers

check: ## what CI asks of the source itself
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

test: peers ## everything: unit, property, flows on virtual time, real calls
	@if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --locked; \
	else RUST_TEST_THREADS=6 cargo test --locked --no-fail-fast --lib --bins --tests; \
	fi
	cargo test --doc --locked

explore: ## worlds drawn by lot, more than make test has: WORLDS=3000 FIRST=1000 make explore
	WORLDS=$${WORLDS:-2000} FIRST=$${FIRST:-1000} cargo nextest run --locked --profile explore --test flows -E 'test(chance::)'

mutants: ## faults put into the engine on purpose: exploration must find each within a minute; MUTATION=digit for one
	cargo test --locked --test mutations -- --ignored --nocapture

bench: build ## what a call costs, to us and to whoever makes it; docs/PERFORMANCE.md keeps the figures
	cargo bench --locked
	@benches/replay/run

bench-router: build ## what a redirected call costs beside Kamailio; docs/PERFORMANCE.md keeps the figures
	@benches/router/run

bench-refresh: build ## how long a change of a large organisation takes; docs/PERFORMANCE.md keeps the figures
	@benches/refresh/run

bench-recycle: build ## calls while workers are replaced: none may fail
	@benches/recycle/run

bench-replay: build ## what a call costs whoever makes it, sipp or replay; docs/PERFORMANCE.md keeps the figures
	@benches/replay/run

prompts: ## render prompts/*/catalogue.toml to sound files (needs what docs/prompts.md names)
	scripts/render-prompts

man: build ## manual pages and shell completions, for packages: target/man, target/completion
	target/release/ringpost man target/man
	@mkdir -p target/completion
	for shell in bash zsh fish; do target/release/ringpost completion $$shell >target/completion/ringpost.$$shell; done
