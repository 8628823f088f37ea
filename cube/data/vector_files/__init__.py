"""Ready-made embeddings from the formats people have them in, checked before anything uses them."""

from cube.data.vector_files.read import SUFFIXES, check_matrix, read_named, read_vectors

__all__ = ["SUFFIXES", "check_matrix", "read_named", "read_vectors"]
