"""The pages: what is asked of the server, by whom, and what it answers."""
