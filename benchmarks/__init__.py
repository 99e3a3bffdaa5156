"""Measurements that anyone can repeat: ratios within one run, not seconds on one machine."""
