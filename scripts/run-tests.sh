#!/bin/bash
# Runs the test projects one after the other and sums up. The last line is "N passed, N failed, N skipped".
#   --configuration NAME   Debug or Release (default Release)
#   --unprivileged         leave out the categories that need root (Kernel, Topology)
#   --filter EXPRESSION    as dotnet test
#   --project NAME         only tests/NAME (repeatable)
# Builds nothing: `make build` does.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

configuration=Release
filter=
projects=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --configuration) configuration=$2; shift 2 ;;
        --unprivileged) filter='TestCategory!=Kernel&TestCategory!=Topology'; shift ;;
        --filter) filter=$2; shift 2 ;;
        --project) projects+=("tests/$2"); shift 2 ;;
        *) echo "run-tests: unknown option '$1'" >&2; exit 2 ;;
    esac
done
[[ ${#projects[@]} -gt 0 ]] || projects=(tests/*.Tests)

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

status=0
for project in "${projects[@]}"; do
    echo "== $project"
    dotnet test "$project" --no-build --nologo -c "$configuration" \
        --logger "trx;LogFileName=$(basename "$project").trx" --results-directory "$results" \
        --blame-hang --blame-hang-timeout 8min --blame-hang-dump-type none \
        --logger "console;verbosity=minimal" ${filter:+--filter "$filter"} || status=1
done

python3 scripts/summarize_tests.py "$status" "$results"/*.trx
