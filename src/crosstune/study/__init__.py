"""The study file, the grid of configurations, and the graph of steps that answers it."""
