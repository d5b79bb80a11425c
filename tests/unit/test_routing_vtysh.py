"""What FRR's own vtysh says of the rows that we write."""
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_export import now, there  # noqa: F401 (a fixture)
from tests.unit.test_routing_config import HELD, frr
from tests.unit.test_routing_export import FRR, INI, NO5, bin, key, made, run  # noqa: F401 (fixtures)
from tests.unit.test_routing_theirs import WRITTEN
from vzhooks import paths
from vzhooks.errors import Expected


def vtysh(text, path):
    """What `vtysh -C` says of a text."""
    path.write_text(text)
    done = subprocess.run(["vtysh", "-C", "-f", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    said = [row for row in done.stdout.decode().splitlines() if "Can't open configuration file" not in row]
    return done.returncode, said


@pytest.mark.needs("vtysh")
def test_vtysh_objects_to_what_is_wrong(tmp_path):
    status, said = vtysh("router ospf\n bogus\n", tmp_path / "frr.conf")
    assert status != 0 and said


names = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._@+-]{0,13}", fullmatch=True)
v4 = st.integers(0x0b000000, 0x7effffff).map(lambda number: "%d.%d.%d.%d" % tuple(number.to_bytes(4, "big")))
prefixes = st.sampled_from(["10.0.0.0/8", "192.0.2.0/24", "192.0.2.254/31", "192.0.2.7/32", "2001:db8::/32", "2001:db8::/127",
                            "2001:db8::5/128", "fd00::/8"])
common = st.fixed_dictionaries({}, optional={
    "families": st.sampled_from(["4", "6", "4 6", "6 4"]), "router_id": v4, "include": prefixes, "hello_interval": st.integers(1, 9),
    "exclude": st.lists(prefixes, min_size=1, max_size=3, unique=True).map(" ".join),
    "dead_interval": st.integers(10, 65535)})
ospf = st.fixed_dictionaries({"interfaces": st.lists(names, min_size=1, max_size=3, unique=True).map(" ".join)}, optional={
    "area": st.one_of(v4, st.integers(0, 2 ** 32 - 1)), "network": st.sampled_from(["broadcast", "point-to-point", "point-to-multipoint"]),
    "metric": st.integers(0, 999), "standby_metric": st.integers(1001, 16777214), "auth_key_id": st.integers(1, 255)})
neighbors = st.lists(st.one_of(v4.filter(lambda text: not text.endswith((".0", ".255"))), st.ip_addresses(
    v=6, network="2001:db8::/32").map(str), names.filter(lambda text: text.strip("0123456789."))), min_size=1, max_size=4, unique=True)
bgp = st.fixed_dictionaries({"protocol": st.just("bgp"), "as": st.integers(1, 2 ** 32 - 1), "neighbors": neighbors.map(" ".join)},
                            optional={"remote_as": st.one_of(st.integers(1, 2 ** 32 - 1), st.sampled_from(["external", "internal"]))})
characters = "".join(char for char in map(chr, range(33, 127)) if char not in "!\"'#?\\|")


@pytest.mark.needs("vtysh")
@settings(max_examples=40)
@given(first=common, second=st.one_of(ospf, bgp), key=st.text(characters, max_size=16))
def test_frr_takes_whatever_the_settings_are(first, second, key, put, tmp_path):  # noqa: F811
    rows = dict(first, **second)
    if rows.get("dead_interval") is None:
        rows.pop("hello_interval", None)
    if key:
        rows["auth_key_file"] = put("/key", key, 0o600)
    text = frr("".join("%s = %s\n" % row for row in rows.items()), HELD)
    assert vtysh(text, tmp_path / "frr.conf") == (0, [])


@pytest.mark.needs("vtysh")
def test_what_is_made_of_others_configuration_is_what_frr_takes(now, key, monkeypatch):  # noqa: F811
    monkeypatch.setattr(paths, "PATH", "/usr/bin:/bin")
    there(now, FRR, WRITTEN)
    run(NO5)
    assert "changed " + FRR in made(now, INI.replace("4", "4 6") + key)
    there(now, FRR, "bogus\n" + WRITTEN)
    with pytest.raises(Expected, match="/etc/frr/frr.conf as it would be: .*bogus"):
        made(now)
