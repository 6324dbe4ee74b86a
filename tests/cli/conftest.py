"""An endpoint on loopback for the commands that ask one."""

from collections.abc import Iterator

import pytest
from benchmarks.chat_endpoint import ChatEndpoint, chat_endpoint


@pytest.fixture
def endpoint() -> ChatEndpoint:
    return ChatEndpoint()


@pytest.fixture
def url(endpoint: ChatEndpoint) -> Iterator[str]:
    with chat_endpoint(endpoint) as address:
        yield address
