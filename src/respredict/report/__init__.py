"""Figures and tables drawn from what was computed elsewhere; the only importer of matplotlib."""
