"""Cube: a small 3D lattice network trained on embedding-to-embedding maps.

Importing this package is cheap: torch, transformers and friends load where they are used.
"""

import logging

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
