"""Fast paths of the networks: `ops` is the interface with torch's own way, `cpu` has the compiled kernels."""
