"""The browser page: its sources, and how they are composed."""
