"""The knee: geometry, ligament law and statics. Knows no data file, no posterior and no sampler."""
