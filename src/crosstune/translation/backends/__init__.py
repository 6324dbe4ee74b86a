"""What translates: a chat endpoint, or a translation model on this machine."""
