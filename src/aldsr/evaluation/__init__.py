"""Results of a network, or of images that anyone made, with the protocol by which they were measured."""
