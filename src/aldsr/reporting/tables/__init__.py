"""Tables of results and studies."""
