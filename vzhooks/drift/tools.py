"""What nft, Open vSwitch and its flow tables have, one question for all containers instead of one for each."""
import json
from typing import Any, Dict, List, Optional, Tuple

from vzhooks.node.tools import Tools

OVS_TABLES = ("Bridge", "Port", "Interface")


class WholeTools(Tools):
    """Answers what Tools asks from listings of whole tables."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.parts: Dict[Tuple[str, ...], Dict[Tuple[str, str], str]] = {}
        self.switch: Optional[Dict[str, Dict[str, Dict[str, Any]]]] = None

    def _ask(self, *argv: str) -> Optional[str]:
        if argv[:2] == ("nft", "list") and len(argv) == 6:
            return self.nft_table(*argv[3:5]).get((argv[2], argv[5]))
        if argv[0] == "ovs-vsctl":
            return self._vswitch(argv[2:])
        if argv[:2] == ("ovs-ofctl", "dump-flows"):
            argv = argv[:3]
        return super()._ask(*argv)

    def nft_table(self, family: str, table: str) -> Dict[Tuple[str, str], str]:
        """{(set|map|chain, NAME): its listing} of a table of nft, {} without it."""
        if (family, table) not in self.parts:
            self.parts[family, table] = blocks(super()._ask("nft", "list", "table", family, table) or "")
        return self.parts[family, table]

    def ovs(self) -> Dict[str, Dict[str, Dict[str, Any]]]:
        """{table: {name: {column: value as JSON has it}}} of Open vSwitch, with empty tables where it does not run."""
        if self.switch is None:
            words = " -- list ".join(OVS_TABLES).split()
            said = super()._ask("ovs-vsctl", "--timeout=5", "--format=json", "list", *words)
            self.switch = rows_of(said or "")
        return self.switch

    def bridge_of(self, port: str) -> str:
        """The Open vSwitch bridge of a port, "" without one."""
        number = json.dumps(self.ovs()["Port"].get(port, {}).get("_uuid", ""))
        for name, bridge in self.ovs()["Bridge"].items():
            if number in json.dumps(bridge["ports"]):
                return name
        return ""

    def _vswitch(self, words: Tuple[str, ...]) -> Optional[str]:
        """The answer to br-exists, port-to-br and get, None for what is not there."""
        tables = self.ovs()
        if words[0] == "br-exists":
            return "" if words[1] in tables["Bridge"] else None
        if words[0] == "port-to-br":
            return self.bridge_of(words[1]) or None
        row = tables[words[2]].get(words[3])  # --if-exists get TABLE RECORD COLUMN...
        return None if row is None else "\n".join(value_of(row, column) for column in words[4:])


def blocks(listing: str) -> Dict[Tuple[str, str], str]:
    """The sets, maps and chains of `nft list table`: each begins and ends with a row of one tab."""
    found: Dict[Tuple[str, str], str] = {}
    rows: List[str] = []
    for row in listing.splitlines():
        if row.startswith("\t") and not row.startswith("\t\t") and row.endswith(" {"):
            rows = []
        rows.append(row)
        if row == "\t}":
            words = rows[0].split()
            found[words[0], words[1]] = "\n".join(rows)
    return found


def rows_of(said: str) -> Dict[str, Dict[str, Dict[str, Any]]]:
    """What `ovs-vsctl --format=json list ...` says of each of OVS_TABLES, one JSON text after another."""
    found: Dict[str, Dict[str, Dict[str, Any]]] = {}
    decoder = json.JSONDecoder()
    for table in OVS_TABLES:
        said = said.lstrip()
        if not said:
            found[table] = {}
            continue
        listing, end = decoder.raw_decode(said)
        said = said[end:]
        rows = [dict(zip(listing["headings"], row)) for row in listing["data"]]
        found[table] = {row["name"]: row for row in rows}
    return found


def value_of(row: Dict[str, Any], column: str) -> str:
    """A column, or COLUMN:KEY of a map, as `ovs-vsctl get` prints it without quotes."""
    name, _, key = column.partition(":")
    value = row.get(name.replace("-", "_"), "")
    if isinstance(value, list) and value[:1] == ["map"]:
        value = dict(value[1]).get(key, "")
    if value == ["set", []]:
        return "[]"
    return str(value).lower() if isinstance(value, bool) else str(value)
