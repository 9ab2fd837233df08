# SPDX-License-Identifier: Apache-2.0
"""The verbs of nvidia-cdi-hook work in roots as the other hook does: its helpers serve here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hook"))
