"""A package of others, which knows nothing of aldsr: what model=external may meet."""
