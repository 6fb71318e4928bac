"""What all tests share."""

import pytest

from wasmer_embed import Engine, Instance, Module, Store


@pytest.fixture(scope="session")
def engine():
    """An engine with the fastest compiler that the wheel has."""
    return Engine()


@pytest.fixture
def store(engine):
    return Store(engine)


@pytest.fixture
def make(engine, store):
    """Makes an instance of a module's text."""

    def make(text, imports=None):
        return Instance(store, Module(engine, text), imports)

    return make
