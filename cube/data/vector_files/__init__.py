"""Ready-made embeddings from the formats people have them in, checked before anything uses them."""

from cube.data.vector_files.read import check_matrix, read_vectors

__all__ = ["check_matrix", "read_vectors"]
