"""How vzctl called the hook: the words and variables that a plan depends on besides the files.  Hot path."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional


class Call:
    """One call for one device.  action: init (legacy), addif (modern), every (without words), run (by hand)."""

    __slots__ = ("action", "device", "network", "network_type", "vport", "ifaceid", "mac")

    def __init__(self, action: str, device: str = "", network: str = "",
                 environment: "Optional[Mapping[str, str]]" = None) -> None:
        self.action = action
        self.device = device
        self.network = network
        environment = environment or {}
        self.network_type = environment.get("NETWORK_TYPE", "")
        self.vport = environment.get("VPORT_TYPE", "")
        self.ifaceid = environment.get("IFACEID", "")
        self.mac = environment.get("MAC", "").lower()

    @property
    def words(self) -> str:
        """All of it on one line, to tell calls apart."""
        return " ".join(repr(getattr(self, name)) for name in self.__slots__)
