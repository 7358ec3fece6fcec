"""Fast paths of the networks, behind one small interface."""
