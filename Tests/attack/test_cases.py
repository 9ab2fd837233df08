# SPDX-License-Identifier: Apache-2.0
"""The list of cases is whole, what it names is there, and SECURITY.md says what the list says."""

import json
import re
from collections import Counter

import cases
import pytest

CASES, ADVISORIES = cases.load()


def test_every_case_is_there_once():
    assert [case["id"] for case in CASES] == cases.IDS and len(cases.IDS) == 142


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case):
    """A case has a test, or says why there can be none and names the test of what comes nearest."""
    assert set(case) <= {"id", "title", "class", "status", "reason", "tests"}
    assert case["title"] and len(case["title"]) <= 120 and re.fullmatch(r"K\d+( K\d+)*", case["class"])
    assert case["status"] in cases.STATUSES
    assert ("reason" in case) == (case["status"] != "test")
    assert case["tests"] or case["status"] == "not here"
    assert case["tests"] == sorted(set(case["tests"]))


def test_every_test_that_is_named_is_there():
    there = cases.tests()
    assert len(there) > 500
    missing = [test for case in CASES for test in case["tests"] if test not in there]
    assert missing == []


def test_every_test_that_names_a_case_is_listed():
    assert cases.completed(CASES) == CASES, "run Tests/attack/write-table"


def test_titles_differ():
    assert [title for title, count in Counter(case["title"] for case in CASES).items() if count > 1] == []


def test_advisories():
    """Each once, with cases that are there."""
    ids = [id for advisory in ADVISORIES for id in advisory["ids"]]
    assert len(ids) == len(set(ids)) > 40
    for advisory in ADVISORIES:
        assert set(advisory) == {"ids", "product", "what", "cases"} and advisory["cases"]
        assert set(advisory["cases"]) <= set(cases.IDS)


def test_table_of_security_md():
    text = cases.SECURITY.read_text()
    assert cases.with_table(text, cases.table(CASES, ADVISORIES)) == text, "run Tests/attack/write-table"


def test_what_is_found(tmp_path):
    """Marks, docstrings, tables and Swift's attributes and comments are seen; other words that look so are not."""
    python = tmp_path / "test_x.py"
    python.write_text("""TABLE = {"J-02 x": 1}
OTHER = list(TABLE)
@pytest.mark.attack("S-05", "S-06")
def test_a(): pass
def test_b():
    'L-03, X-1: GPU-01, P-99.'
@pytest.mark.parametrize("a", OTHER)
def test_c(a): pass
""")
    assert dict(cases._python(python)) == {"test_a": {"S-05", "S-06"}, "test_b": {"L-03"}, "test_c": {"J-02"}}
    swift = tmp_path / "XTests.swift"
    swift.write_text("""
    // D-04: x
    @Test("J-01: a", arguments: [
        // J-02
        1
    ]) func a() {
        // J-03
        let x = 1
    }

    /// P-05
    static let list = [1]

    @Test(arguments: list) func b() {}
    func helper() {}
""")
    assert dict(cases._swift(swift)) == {"a": {"D-04", "J-01", "J-02", "J-03"}, "b": {"P-05"}}


def test_what_is_missing_is_noticed():
    """The checks above can fail."""
    assert cases.completed([CASES[0] | {"tests": []}])[0]["tests"] != []
    with pytest.raises(ValueError):
        cases.with_table("no place", "x")
    broken = json.loads(json.dumps(CASES))
    broken[0]["tests"] = ["Tests/attack/test_none.py::test_none"]
    assert broken[0]["tests"][0] not in cases.tests()
