# SPDX-License-Identifier: Apache-2.0
"""The cases of the attack suite (testdata/attack/cases.json), the tests that say that they are about one, and the
table of SECURITY.md that comes of both. Nothing here imports or runs a test.

A test says so by a mark (`@pytest.mark.attack("S-05")`), by its docstring, by the doc comment or the name of a Swift
@Test, or by a table of the module, used by it, in which ids start the names of rows."""

import ast
import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CASES = REPOSITORY / "testdata/attack/cases.json"
ADVISORIES = REPOSITORY / "testdata/attack/advisories.json"
SECURITY = REPOSITORY / "SECURITY.md"
COUNTS = {"E": 15, "S": 22, "L": 17, "J": 22, "P": 8, "D": 16, "C": 10, "T": 8, "X": 14, "G": 5, "B": 5}
IDS = [f"{group}-{number:02}" for group, count in COUNTS.items() for number in range(1, count + 1)]
STATUSES = ("test", "not here", "not applicable")
ID = re.compile(r"(?<![\w-])([ESLJPDCTXGB])[-_](\d\d)(?!\d)")
FOLDERS = ("Tests/attack", "Tests/blackbox", "Tests/engines", "Tests/faults")
START, END = "<!-- advisories: made by Tests/attack/write-table -->\n", "<!-- end of advisories -->\n"


def ids(text):
    return {f"{group}-{number}" for group, number in ID.findall(text or "")} & set(IDS)


def load():
    return json.loads(CASES.read_text()), json.loads(ADVISORIES.read_text())


# Tests by what they say of themselves


def _python(path):
    """The ids of each test function of a file; classes are left out of the names, as they are unique without."""
    tree = ast.parse(path.read_text())
    top = {}
    for node in tree.body:
        names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else [
            name.id for target in getattr(node, "targets", []) for name in ast.walk(target)
            if isinstance(name, ast.Name)]
        top |= {name: node for name in names}

    def of_table(name, seen):
        """The ids that start strings in the module's definition of `name`, and in those that it uses."""
        if name in seen or name not in top or isinstance(top[name], ast.ClassDef) or name.startswith("test"):
            return set()
        seen.add(name)
        found = set()
        for node in ast.walk(top[name]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.match(node.value):
                found |= ids(node.value[:5])
            elif isinstance(node, ast.Name):
                found |= of_table(node.id, seen)
        return found

    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test"):
            continue
        found = ids(ast.get_docstring(function))
        for decorator in function.decorator_list:
            for node in ast.walk(decorator):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= ids(node.value[:5]) if "attack" in ast.dump(decorator) else set()
                elif isinstance(node, ast.Name):
                    found |= of_table(node.id, set())
        yield function.name, found


def _swift(path):
    """The ids of each @Test function of a file: of its attribute, of the comment above it, of those in it, and of the
    one above a list of arguments that it has."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    found, lists, name, pending, attribute = {}, {}, None, set(), None
    for index, line in enumerate(lines):
        if line.startswith("//"):
            after = next((text for text in lines[index:] if text and not text.startswith("//")), "")
            if after.startswith(("@Test", "func ", "static let ")) or line.startswith("///") or attribute is not None:
                pending |= ids(line)
            elif name:
                found[name] |= ids(line)
            continue
        if line.startswith("@Test"):
            attribute = ""
        if attribute is not None:
            attribute += line
        function, values = re.search(r"\bfunc (\w+)", line), re.match(r"static let (\w+)", line)
        if function and attribute is not None:
            name = function[1]
            about = ids(attribute.partition("func ")[0]) | pending
            found[name] = about.union(*(lists[each] for each in lists if re.search(rf"\b{each}\b", attribute)))
            pending, attribute = set(), None
        elif values:
            lists[values[1]], pending = pending, set()
        elif attribute is None and line:
            if name and "//" in line:
                found[name] |= ids(line.partition("//")[2])
            pending = set()
    return found.items()


def tests():
    """All tests that there are: the ids that each says it is about, by `file::name`."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("test_*.py")):
            for name, about in _python(path):
                found[f"{path.relative_to(REPOSITORY)}::{name}"] = about
    for path in sorted((REPOSITORY / "Tests").rglob("*Tests.swift")):
        for name, about in _swift(path):
            found[f"{path.relative_to(REPOSITORY)}::{name}"] = about
    return found


def completed(cases):
    """The cases with every test that says that it is about one; what is named besides stays, if it is there."""
    there, said = tests(), {}
    for test, about in there.items():
        for id in about:
            said.setdefault(id, set()).add(test)
    return [case | {"tests": sorted(set(case["tests"]) & there.keys() | said.get(case["id"], set()))} for case in cases]


# The table


def _names(found):
    """`file: name, name` for each file, by its last parts."""
    by_file = {}
    for test in sorted(found):
        file, name = test.split("::")
        by_file.setdefault(file.removeprefix("Tests/"), []).append(name)
    return by_file


def table(cases, advisories):
    """What SECURITY.md says of published vulnerabilities: one row for each kind, with the tests that stand against
    it."""
    by_id = {case["id"]: case for case in cases}
    lines = ["| published as | what it was | cases | tests | |", "|---|---|---|---|---|"]
    for advisory in advisories:
        about = [by_id[id] for id in advisory["cases"]]
        found = _names({test for case in about for test in case["tests"]})
        files = ", ".join(f"`{file}` ({len(names)})" for file, names in found.items())
        results = {case["status"] for case in about}
        result = "tested" if results == {"test"} else "; ".join(
            ["tested"] * ("test" in results) + [f"{case['id']}: {case['reason']}" for case in about
                                                if case["status"] != "test"])
        lines.append(
            f"| {', '.join(advisory['ids'])} ({advisory['product']}) | {advisory['what']} "
            f"| {' '.join(advisory['cases'])} | {files} | {result} |")
    return "\n".join(lines) + "\n"


def with_table(text, made):
    """The text of SECURITY.md with this table."""
    before, _, rest = text.partition(START)
    old, _, after = rest.partition(END)
    if not old or not after:
        raise ValueError("SECURITY.md has no place for the table")
    return before + START + made + END + after
