"""The page that upscales pictures in the browser: its sources, and how they are composed."""
