"""Prompt sets: tasks in several languages, with or without a modifier, as prompts."""
