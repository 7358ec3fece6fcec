"""A network, or anyone's images → results with their protocol."""
