# SPDX-License-Identifier: Apache-2.0
"""B: what the sources and the programs are built from and without."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from injection import REPOSITORY

SOURCES = REPOSITORY / "Sources"
PROGRAMS = ("nvidia-runtime", "nvidia-runtime-hook", "nvidia-container-cli")
# What must not be in Sources: by name, the pattern, the files that it is about, a text that it finds, and where it is
# allowed and why. Comments are no code, and strings only where the pattern has a quote.
SWIFT, C = (".swift",), (".c", ".h", ".cpp")
FORBIDDEN = {
    "force unwrap": (r"[\w\)\]>]!(?![=\w(])", SWIFT, "let a = b!", {}),
    "try!": (r"\btry!", SWIFT, "try! f()", {}),
    "as!": (r"\bas!", SWIFT, "a as! B", {}),
    "trap": (r"\b(fatalError|precondition|preconditionFailure|assertionFailure|assert)\(", SWIFT, 'fatalError("x")',
             {}),
    "unowned": (r"\bunowned\b", SWIFT, "unowned let a: A", {}),
    "unsafe cast": (r"\b(unsafeBitCast|unsafeDowncast)\b", SWIFT, "unsafeBitCast(a, to: B.self)", {}),
    "unchecked": (r"\bunsafelyUnwrapped\b", SWIFT, "a.unsafelyUnwrapped",
                  {"Linux/ByteString.swift": "the buffer is not empty"}),
    "repaired text": (r"String\((decoding:|validating:|bytes:|data:)", SWIFT, "String(decoding: a, as: UTF8.self)", {
        "CDI/Shown.swift": "made of escaped ASCII",
        "Diagnostics/Diagnostic.swift": "cut from an error's text, for people",
        "ContainerSetup/ChildProcess.swift": "what a child of ours says, for people",
        "LibContainer/Driver/DriverRoot+Files.swift": "a check only: what is not UTF-8 is refused"}),
    "characters": (r"\bCharacter\b", SWIFT, "let a: Character", {}),
    "paths as text": (r'(split\(separator:|hasPrefix\(|hasSuffix\(|components\(separatedBy:) ?"/', SWIFT,
                      'a.hasPrefix("/")', {"LibContainer/Cgroups/CgroupMount.swift": "of bytes"}),
    "Foundation": (r"\bimport (Foundation|Dispatch|FoundationEssentials)\b", SWIFT, "internal import Foundation", {}),
    "environment": (r"\b(getenv|setenv|putenv)\(|ProcessInfo", SWIFT, 'getenv("A")', {
        "nvidia-ctk/Explain.swift": "asks as the runtime would, for the caller's own settings"}),
    "formats": (r"\b(NSLog|os_log|syslog|CVarArg|withVaList|vsnprintf)\b|String\(format:", SWIFT,
                'String(format: "%s", a)', {}),
    "shell": (r"(?<![.\w])(?<!case )(system|popen|wordexp|execlp|execvp|posix_spawnp)\(", SWIFT + C, 'system("id")',
              {}),
    "loading": (r"\b(dlopen|dlmopen)\(", SWIFT + C, 'dlopen(path, 0)', {
        "nvidia-runtime-nvml/main.c": "what this program is for"}),
    "format of data": (r"\b(printf|fprintf\(\w+,|dprintf\(\w+,|snprintf\(\w+, [^,]+,|syslog\(\w+,) *\(? *[a-z_]+[,)]",
                       C, "printf(text)", {}),
    "unbounded copy": (r"\b(strcpy|strcat|sprintf|vsprintf|gets|scanf|sscanf|alloca)\(", C, "strcpy(a, b)", {
        "nvidia-runtime-nvml/main.c": "a literal of one character"}),
}


def code(path, keeps_strings):
    """The text without comments, and with empty strings."""
    text = path.read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) if path.suffix in C else text
    text = re.sub(r"^\s*//.*$|\s//.*$", "", text, flags=re.MULTILINE)
    if not keeps_strings:
        text = re.sub(r'"""(.|\n)*?"""', '""', text)
        text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    return text


def found(pattern, suffixes):
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in suffixes and re.search(pattern, code(path, '"' in pattern)):
            yield str(path.relative_to(SOURCES))


@pytest.mark.attack("B-03")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_sources_must_not_have(name):
    """But where it is allowed, and why; and what is not needed any more is not allowed."""
    pattern, suffixes, example, allowed = FORBIDDEN[name]
    assert re.search(pattern, example), "the pattern finds nothing"
    assert set(found(pattern, suffixes)) == set(allowed)


# What reads bytes of strangers, and the fuzz target that has it.
PARSERS = {
    "RuntimeCommand/Invocation": "ArgvFuzz", "CDI/Document": "CDIFuzz", "LibContainer/Tegra": "CSVFuzz",
    "LibContainer/Compatibility": "CompatibilityNoteFuzz", "OCISpec/JSON": "ConfigScanFuzz",
    "LibContainer/ELF": "ELFFuzz",
    "LibContainer/Loader": "HookCacheFuzz", "LibContainer/LibraryCache": "LibraryCacheFuzz",
    "LibContainer/NVML": "NVMLReportFuzz",
    "LibContainer/Cgroups": "CgroupFuzz", "LibContainer/Node": "ProcFuzz", "HookInjector/Request": "RequestFuzz",
    "HookInjector/Requirements": "RequirementFuzz",
    "RuntimeConfig/TOML": "SettingsFuzz", "OCISpec/State": "StateFuzz",
}


@pytest.mark.attack("B-02")
def test_fuzz_targets():
    """Each parser has one, and `make fuzz` runs each that there is."""
    assert all((SOURCES / folder).is_dir() for folder in PARSERS)
    assert {path.stem for path in (REPOSITORY / "Tests/Fuzz").glob("*.swift")} == set(PARSERS.values())
    for path in (REPOSITORY / "Tests/Fuzz").glob("*.swift"):
        assert "LLVMFuzzerTestOneInput" in path.read_text()
    assert "Tests/Fuzz/run" in recipe("fuzz")
    assert "*Fuzz.swift" in (REPOSITORY / "Tests/Fuzz/run").read_text()


def recipe(target):
    """What make would do."""
    return subprocess.run(["make", "-n", target], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


@pytest.mark.attack("B-01")
def test_tests_under_the_sanitizer():
    """`make sanitize` runs every suite of modules with the address sanitizer and checks of exclusive access."""
    text = recipe("sanitize")
    assert "--sanitize" in text and "address" in text and "-enforce-exclusivity=checked" in text
    assert "--filter" not in text and "--skip" not in text


@pytest.mark.attack("B-04")
def test_reproducible_program(tmp_path):
    """The same bytes from two folders, of the program that can be built in a moment; `make reproducible` has the
    others."""
    assert "check-reproducible" in recipe("reproducible")
    built = []
    for name in ("one", "another-folder/deep"):
        folder = tmp_path / name
        for part in ("Sources/nvidia-runtime-nvml", "packaging/scripts"):
            shutil.copytree(REPOSITORY / part, folder / part)
        shutil.copy(REPOSITORY / "Makefile", folder)
        subprocess.run(["make", "-s", "build/bin/nvidia-runtime-nvml"], cwd=folder, check=True, capture_output=True)
        built.append((folder / "build/bin/nvidia-runtime-nvml").read_bytes())
    assert built[0] == built[1] and os.fsencode(tmp_path) not in built[0]


@pytest.mark.attack("B-05")
@pytest.mark.parametrize("name", PROGRAMS)
def test_functions_that_are_not_linked(name):
    """Nothing in the programs of the start path can run a shell or look a program up, or ask the host's name
    services."""
    symbols = Path(os.environ["NVIDIA_RUNTIME"]).parents[1] / f"symbols/{name}.debug"
    names = {line.split()[-1].strip("_") for line in
             subprocess.run(["nm", symbols], check=True, capture_output=True, text=True).stdout.splitlines()}
    assert "posix_spawn" in names or "execve" in names, "the symbols are not read"
    assert not names & {"system", "popen", "wordexp", "posix_spawnp", "getpwnam", "getaddrinfo", "gethostbyname",
                        "libc_system"}


@pytest.mark.attack("B-05")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_stripped(name):
    program = Path(os.environ["NVIDIA_RUNTIME"]).with_name(name)
    assert "no symbols" in subprocess.run(["nm", program], capture_output=True, text=True).stderr
