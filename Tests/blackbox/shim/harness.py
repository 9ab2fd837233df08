# SPDX-License-Identifier: Apache-2.0
"""Runs the built shim against a low-level runtime that records what it got (testdata/recorder).

NVIDIA_RUNTIME names the shim's binary. Everything happens in a directory of its own under /var/tmp, whose parents
nobody but root can write: what the shim trusts has to be there."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SHIM = os.environ.get("NVIDIA_RUNTIME", "")


class Record:
    """What the recorder was started with."""

    def __init__(self, path):
        self.arguments, self.environment, self.descriptors = [], [], {}
        self.spec = self.spec_status = None
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "argument":
                self.arguments.append(bytes.fromhex(value))
            elif name == "environment":
                self.environment.append(bytes.fromhex(value))
            elif name == "directory":
                self.directory = bytes.fromhex(value)
            elif name == "fd":
                number, _, target = value.partition(" ")
                self.descriptors[int(number)] = bytes.fromhex(target)
            elif name == "spec":
                self.spec = bytes.fromhex(value)
            elif name == "spec-status":
                self.spec_status = value
            else:
                name, _, value = line.partition(":")
                setattr(self, name.lower(), value.strip())


class ShimCase(unittest.TestCase):
    """A test with a recorder, a configuration that names it, and a bundle without a GPU."""

    @classmethod
    def setUpClass(cls):
        if not SHIM:
            raise unittest.SkipTest("NVIDIA_RUNTIME does not name the shim")
        cls.shared = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
        source = REPOSITORY / "testdata/recorder/recorder.c"
        subprocess.run(["cc", "-O2", "-static", "-o", cls.shared / "recorder", source], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.root)
        self.root.chmod(0o755)
        self.shim = self.root / "bin/nvidia-container-runtime"
        self.shim.parent.mkdir()
        shutil.copy(SHIM, self.shim)
        self.runtime = self.root / "low/runc"
        self.runtime.parent.mkdir()
        shutil.copy(self.shared / "recorder", self.runtime)
        self.config = self.root / "etc/nvidia-container-runtime/config.toml"
        self.config.parent.mkdir(parents=True)
        self.configure(f'[nvidia-container-runtime]\nruntimes = ["{self.runtime}"]\n')
        self.environment = {"PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(self.root / "etc")}
        self.bundle = self.make_bundle("bundle")

    def configure(self, text):
        self.config.write_text(text)
        self.config.chmod(0o644)

    def make_bundle(self, name, env=("PATH=/bin", "SECRET=swordfish"), **more):
        bundle = self.root / name
        bundle.mkdir()
        spec = {"ociVersion": "1.0.2", "process": {"env": list(env), "args": ["true"]}, "root": {"path": "r"}, **more}
        (bundle / "config.json").write_text(json.dumps(spec))
        return bundle

    def run_shim(self, *arguments, env=None, timeout=10, **options):
        """Runs the shim; a record of an earlier run is removed first."""
        self.record_path.unlink(missing_ok=True)
        return subprocess.run(
            [self.shim, *arguments], env=self.environment if env is None else env, capture_output=True,
            timeout=timeout, **options)

    @property
    def record_path(self):
        return self.runtime.parent / "record"

    def record(self):
        return Record(self.record_path)

    def assert_passed(self, result):
        """The low-level runtime ran, and the shim said nothing."""
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"recorder\n", b""))

    def assert_denied(self, result, text):
        """One line of error with `text`, and no low-level runtime."""
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, b"")
        self.assertIn(text, result.stderr.decode())
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertFalse(self.record_path.exists())
