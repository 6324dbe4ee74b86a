"""A small engine for cached steps. It knows nothing of language models, and steps know nothing of executors."""
