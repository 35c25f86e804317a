#!/usr/bin/env python3
"""Sums up TRX files: names what was skipped and why, then prints "N passed, N failed, N skipped" as the last line.

usage: summarize_tests.py RUNNER_STATUS FILE.trx...

Exits non-zero when a test failed, when the runner reported a failure (a test host that died, say), or when no test ran.
"""
import collections
import os
import sys
import xml.etree.ElementTree as ElementTree

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"


def reason(result):
    message = result.find(f"{TRX}Output/{TRX}ErrorInfo/{TRX}Message")
    text = (message.text or "") if message is not None else ""
    return " ".join(text.split()) or "no reason given"


def main(runner_status, paths):
    passed, failed, skipped = 0, [], collections.defaultdict(list)
    for path in paths:
        if not os.path.exists(path):
            continue
        root = ElementTree.parse(path).getroot()
        project = os.path.basename(path).removesuffix(".trx")
        for result in root.iter(f"{TRX}UnitTestResult"):
            name = f"{project}: {result.get('testName')}"
            outcome = result.get("outcome")
            if outcome == "Passed":
                passed += 1
            elif outcome in ("NotExecuted", "Inconclusive"):
                skipped[reason(result)].append(name)
            else:
                failed.append(f"{name}\n    {reason(result)[:400]}")

    for why, names in skipped.items():
        print(f"skipped, {why}:")
        for name in names:
            print(f"  {name}")
    for name in failed:
        print(f"FAILED {name}")
    if not passed and not failed:
        print("no test ran")
    if runner_status and not failed:
        print("the test runner reported a failure that no test accounts for; see its output above")
        failed.append("test runner")
    print(f"{passed} passed, {len(failed)} failed, {sum(map(len, skipped.values()))} skipped", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
