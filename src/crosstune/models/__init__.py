"""Base models and chat formats: where a model comes from, how it is made ready, and how a conversation becomes tokens.

Knows nothing of studies, training or generation. `base` and `chat_formats` load no torch; `loading` does.
"""
