"""Loads the lab's plugin, wherever pytest was told to begin: `pytest_plugins` may not stand in a conftest below the top."""
from typing import Any


def pytest_configure(config: Any) -> None:
    config.pluginmanager.import_plugin('tests.lab.plugin')
