"""Translation of instruction and prompt sets into other languages, with doubtful rows set apart."""
