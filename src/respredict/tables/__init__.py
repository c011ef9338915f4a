"""A file into canonical columns: the file, the names, the cells, the sidecar."""
