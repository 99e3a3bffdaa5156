"""The problem: parameters, tests and the posterior that they make. Knows no sampler and no chain file."""
