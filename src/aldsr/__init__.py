"""aldsr: super-resolution networks with swappable convolution blocks, measured honestly."""

__version__ = "0.1.0"
