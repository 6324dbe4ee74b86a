"""Inspect's mock model without the web: it counts tokens by a table that tiktoken fetches, and ends where it cannot."""

_TABLE = "o200k_base"
_MOCK = "mockllm"


def count_without_web(model: str) -> None:
    """Has bytes counted for tokens where the table cannot be had, for the mock model alone, whose usage means nothing.

    Args:
        model: as Inspect names it.
    """
    if model.partition("/")[0] != _MOCK:
        return
    import tiktoken
    from tiktoken.registry import ENCODINGS

    try:
        tiktoken.get_encoding(_TABLE)
    except (OSError, ValueError):  # not reached, or not the table that it should be
        ranks = {bytes([byte]): byte for byte in range(256)}
        ENCODINGS[_TABLE] = tiktoken.Encoding(_TABLE, pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={})
