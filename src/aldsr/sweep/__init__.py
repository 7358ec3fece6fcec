"""Many jobs: names, folders, launching, states, continuing."""
