"""A calibration in other programs' formats: OpenSim's ligaments, xarray's groups, tables."""

from calibrate.export.osim import export_osim, ligaments, strand_names

__all__ = ["export_osim", "ligaments", "strand_names"]
