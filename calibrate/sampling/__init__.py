"""Sampling: where walkers start, how they move, when they have converged. Knows no file and no screen."""
