"""The LLM judge: what it is asked, and what its replies mean."""
