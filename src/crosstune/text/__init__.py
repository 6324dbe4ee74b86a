"""What several parts must know of a text: reading it, its running text, its language. Knows nothing of studies."""
