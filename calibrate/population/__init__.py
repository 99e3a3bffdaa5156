"""Many knees at once: what they have in common, and how they differ."""
