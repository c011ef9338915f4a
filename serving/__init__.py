"""The service: one edge, one BentoML endpoint, thin."""
