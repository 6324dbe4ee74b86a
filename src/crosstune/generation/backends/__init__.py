"""Engines that run a model, one a file, each with a function `generate` that is a `generation.backend.Backend`."""
