"""Ready-made embeddings from the formats people have them in, checked before anything uses them."""

from cube.data.vector_files.read import SUFFIXES, read_named, read_vectors

__all__ = ["SUFFIXES", "read_named", "read_vectors"]
