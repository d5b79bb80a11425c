"""What `vzhook install` makes of the files of /etc/vz, and what it knows them by.  Pure: texts in, texts out."""
import os
import re
from typing import List, Tuple

from vzhooks.conf import Conf
from vzhooks.errors import ConfigError
from vzhooks.mistakes import Mistake, shown

HOOKS = "/usr/libexec/vzhooks/"
EXTERNAL = HOOKS + "vzhook-external"
MARK = "  # vzhooks: 'vzhook uninstall' takes this line out"
CALLS = {  # what a shell script of somebody else gets; where vzhooks is gone without a word, nothing is called
    "mount": '[ ! -x "${VZHOOKS_ROOT-}%s" ] || "${VZHOOKS_ROOT-}%s" || exit 1' % ((HOOKS + "vzhook-mount",) * 2),
    "umount": '[ ! -x "${VZHOOKS_ROOT-}%s" ] || "${VZHOOKS_ROOT-}%s" || :' % ((HOOKS + "vzhook-umount",) * 2),
}
SHELLS = ("sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh")
NODE = re.compile(r"^[ \t]*\[[ \t]*node[ \t]*\].*$", re.MULTILINE)
# The wiki's vznetcfg.custom in all its versions, and hooks made from it: what it calls the veth's end on the node, and
# the addresses.
WIKIS = ("VZHOSTIF", "VETH_IP_ADDRESS")


def external_script(path: str, text: str) -> Tuple[str, str]:
    """Given vznet.conf, return what EXTERNAL_SCRIPT is to a shell, and its FILE:LINE; ("", "") where it is not set.

    Raise ConfigError for a file of which that is not certain.
    """
    conf = Conf()
    conf.read(path, text)
    found = conf.get("EXTERNAL_SCRIPT")
    mistakes = list(conf.lost) + ([found.mistake] if found and found.mistake else [])
    if mistakes:
        raise ConfigError(list(dict.fromkeys(map(str, mistakes))))
    return (found.value or "", found.where) if found else ("", "")


def with_external(text: str) -> str:
    """vznet.conf with our EXTERNAL_SCRIPT, which is the last one and therefore counts."""
    return _ended(text) + 'EXTERNAL_SCRIPT="%s"%s\n' % (EXTERNAL, MARK)


def with_call(text: str, verb: str) -> str:
    """Somebody's shell script for VERB (mount, umount) with our line, before whatever may leave the script."""
    first, newline, rest = text.partition("\n")
    return first + "\n" + CALLS[verb] + MARK + "\n" + (rest if newline else "")


def with_else(text: str, script: str) -> str:
    """vzhooks.conf with `else_script = SCRIPT` in [node]."""
    row = "else_script = %s%s\n" % (script, MARK)
    header = NODE.search(text)
    if not header:
        return _ended(text) + "\n[node]\n" + row
    end = header.end() + 1
    return _ended(text[:end]) + row + text[end:]


def without_mark(text: str) -> str:
    """A text without our lines."""
    return "".join(row for row in text.splitlines(True) if MARK not in row)


def calls(text: str, verb: str) -> bool:
    """Whether a script calls the hook for VERB already, by our line or by one that somebody has written."""
    return any("vzhook-" + verb in row for row in text.split("\n") if not row.lstrip().startswith("#"))


def is_shell(text: str) -> bool:
    """Whether the first line of a script names a shell."""
    words = [os.path.basename(word) for word in _interpreter(text)]
    return bool(words) and (words[0] in SHELLS or words[0] in ("env", "busybox") and words[1:2] != []
                            and words[1] in SHELLS)


def is_wikis(text: str) -> bool:
    """Whether a script is the wiki's vznetcfg.custom, or made from it: what it does, we do."""
    return is_shell(text) and all(name in text for name in WIKIS)


def cannot_run(path: str, real: str, text: str) -> List[Mistake]:
    """What keeps vzctl from running a script: its mode, or an interpreter that is not there.

    REAL is where PATH lies.  A script that cannot be run stops every start of a container.
    """
    words = _interpreter(text)
    found = []
    if not os.access(real, os.X_OK):
        found.append(Mistake(path + ":1", "mode %04o" % (os.stat(real).st_mode & 0o7777),
                             "'chmod 0755 %s' is wanted: vzctl cannot run it, and no container starts" % path))
    if not words and not text.startswith("\x7fELF"):
        found.append(Mistake(path + ":1", "'%s'" % shown(text.split("\n")[0]),
                             "'#!INTERPRETER', as '#!/bin/sh', is wanted: vzctl cannot run it, and no container "
                             "starts"))
    elif words and not (os.path.isfile(words[0]) and os.access(words[0], os.X_OK)):
        found.append(Mistake(path + ":1", "the interpreter '%s', which is not there" % shown(words[0]),
                             "that of a program of this node is wanted: vzctl cannot run the script, and no container "
                             "starts"))
    return found


def _interpreter(text: str) -> List[str]:
    """The words of a first line `#!...`; a Windows line end belongs to the last one, as for the kernel."""
    first = text.split("\n")[0]
    return re.split(r"[ \t]+", first[2:].strip(" \t")) if first.startswith("#!") and first[2:].strip(" \t") else []


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
