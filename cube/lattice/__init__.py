"""The lattice: embeddings folded into three dimensions, and the core that moves them."""
