"""What the Hydra commands share: resolved settings, a run's folder, its first and last messages."""
