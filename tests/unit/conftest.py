"""The unit tier: every test in surroundings of its own, property tests the same on every run."""
import os
from typing import Callable

import pytest
from hypothesis import HealthCheck, settings

from vzhooks import kernel

settings.register_profile("unit", derandomize=True, max_examples=int(os.environ.get("EXAMPLES", "100")), deadline=None, database=None,
                          suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                                                 HealthCheck.function_scoped_fixture])
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> str:
    """VZHOOKS_ROOT: a directory in which nothing is, so that no test reads or logs on the real node."""
    path = str(tmp_path / "root")
    os.makedirs(path + "/etc/vz/conf")
    monkeypatch.setenv("VZHOOKS_ROOT", path)
    for name in ("VE_CONFFILE", "VEID", "NETWORK_TYPE", "VPORT_TYPE"):
        monkeypatch.delenv(name, raising=False)
    kernel.rules_have_protocol.cache_clear()
    kernel.ip_sets_master.cache_clear()
    return path


@pytest.fixture
def put(root) -> Callable[[str, str], str]:
    """put(PATH, TEXT): write a file below VZHOOKS_ROOT, not writable by others; return its path."""
    def write(path: str, text: str, mode: int = 0o644) -> str:
        whole = root + path
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", newline="", encoding="utf-8") as file:
            file.write(text)
        os.chmod(whole, mode)
        return whole
    return write
