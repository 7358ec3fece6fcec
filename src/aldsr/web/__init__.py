"""A page that upscales pictures in the visitor's browser: its sources, and the command that composes it."""
