"""From a predicted embedding back to text."""
