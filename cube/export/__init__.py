"""A trained cube for other programs."""
