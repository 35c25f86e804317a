# OvsBridge. `make help` lists the targets.

CONFIG  ?= Release
PREFIX  ?= /usr/local
DESTDIR ?=
# no: leave out ahead-of-time code (a machine that can't fetch the crossgen package); starts more slowly
READYTORUN ?= yes
# links named ovs-ofctl and ovs-appctl: yes, no, or auto (unless the machine has such tools)
OVS_NAMES ?= auto
CONFORMANCE ?= $(if $(OVSBRIDGE_CONFORMANCE),$(OVSBRIDGE_CONFORMANCE),$(CURDIR)/../shared/conformance)

ARTIFACTS := $(CURDIR)/artifacts
# -m:1 keeps a machine of two cores usable
DOTNET_FLAGS := -v:quiet -p:Configuration=$(CONFIG) -m:1
RID_FLAGS := --use-current-runtime --self-contained false $(if $(filter yes,$(READYTORUN)),-p:PublishReadyToRun=true)

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export DOTNET_SKIP_FIRST_TIME_EXPERIENCE := 1

.DEFAULT_GOAL := build
.PHONY: help deps build publish package bpf test conformance check bench demo install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what is missing of the Debian packages that build, tests and demo use (root)
	@scripts/install-deps.sh

build: ## build everything to artifacts/; the program is artifacts/ovsbridge
	@dotnet msbuild OvsBridge.sln -nologo -restore $(DOTNET_FLAGS)
	@$(MAKE) --no-print-directory publish

publish: ## build the program alone
	@dotnet publish Host --nologo $(DOTNET_FLAGS) $(RID_FLAGS) -o $(ARTIFACTS)

package: ## the OpenFlow library alone as a NuGet package in artifacts/
	@dotnet pack OpenFlow --nologo $(DOTNET_FLAGS) -o $(ARTIFACTS)

bpf: ## build the BPF programs only and show their size
	@$(MAKE) --no-print-directory -C bpf
	@$(MAKE) --no-print-directory -C bpf show

test: deps build ## run every test (root)
	@scripts/run-tests.sh --configuration $(CONFIG)

conformance: deps build ## the Ryu certification, rates included (root; its files: CONFORMANCE=FOLDER)
	@test -x "$(CONFORMANCE)/ryu/run_ryucert.sh" || { echo "no $(CONFORMANCE)/ryu/run_ryucert.sh: set CONFORMANCE to its folder" >&2; exit 2; }
	@OVSBRIDGE=$(ARTIFACTS)/ovsbridge "$(CONFORMANCE)/ryu/run_ryucert.sh" "$(CONFORMANCE)/ryu/adapters/ovsbridge.sh"

check: build ## what to run before a commit: build, format, tests that need no root
	@dotnet format OvsBridge.sln --verify-no-changes --no-restore
	@scripts/run-tests.sh --configuration $(CONFIG) --unprivileged

bench: deps build ## measurements beside other switches, or BENCH="--filter *Name*" for one method (root)
	@dotnet run --project tests/Benchmarks -c Release --no-restore -- $(BENCH)

demo: deps build ## three hosts, a bridge and an SDN controller in network namespaces (root)
	@scripts/demo.sh

install: ## install artifacts/ under $(DESTDIR)$(PREFIX); run `make build` first
	@scripts/install.sh "$(ARTIFACTS)" "$(DESTDIR)" "$(PREFIX)" "$(OVS_NAMES)"

clean: ## remove what the build made
	@rm -rf artifacts
	@find . -type d \( -name bin -o -name obj \) -not -path './.git/*' -prune -exec rm -rf {} +
