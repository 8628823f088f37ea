"""Cube: a small 3D lattice network trained on embedding-to-embedding maps.

Where to begin as a library:

cube.pipeline.TextPipeline         answers texts
cube.model.load_model, cube.fit    move and judge vectors, train on them
cube.export.sentence_transformers  a model of that library
cube.config.load_config            settings; cube.steps trains on texts by them, step by step

Importing this package is cheap: torch, transformers and friends load where they are used.
"""

import logging
import os
import sys

if sys.platform == "win32":
    raise ImportError("Cube locks files as POSIX does: on Windows install it inside WSL.")

# Threads that wait for each other by spinning make a step three times slower wherever another
# program runs on the same cores, and cost nothing to put to sleep. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
