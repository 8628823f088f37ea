"""The frozen encoder, its cache, and the matrix of vectors training reads."""
