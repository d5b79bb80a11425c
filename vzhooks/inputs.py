"""Reads the files that a plan comes from: vz.conf, $VEID.conf, vzhooks.conf."""
import os
import stat
from typing import Dict, NamedTuple

from vzhooks import cache, paths, render
from vzhooks.conf import Conf
from vzhooks.errors import ConfigError
from vzhooks.nodeconf import NodeConf
from vzhooks.nodeconf import read as read_node

LIMIT = 1024 * 1024  # bytes; real files have two thousand


class Inputs(NamedTuple):
    """The files of one container, read; `files` are the paths that a plan depends on, missing ones included."""

    conf: Conf
    path: str
    text: str
    node: NodeConf
    files: Dict[str, str]  # path: its fingerprint, taken before it was read


def read(veid: str) -> Inputs:
    """Read a container's files.  A missing one is an empty one.  Raise ConfigError for one that cannot be read."""
    files = [paths.vz_conf(), paths.container_conf(veid), paths.node_conf()]
    fingerprints = {path: cache.fingerprint(path) for path in files + render.template_files()}
    texts, mistakes = [], []
    for path in files:
        try:
            texts.append(text_of(path))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    conf = Conf(VEID=veid)
    conf.read(files[0], texts[0])
    conf.read(files[1], texts[1])
    return Inputs(conf, files[1], texts[1], read_node(files[2], texts[2]), fingerprints)


def text_of(path: str) -> str:
    """The text of a conf file, "" where there is none; symlinks are followed.  Raise ConfigError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(["%s:1: %s; a file that root can read is wanted" % (path, error.strerror)]) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(["%s:1: not a regular file; a file is wanted" % path])
        if status.st_mode & stat.S_IWOTH:
            raise ConfigError(["%s:1: writable by everybody; 'chmod o-w %s' is wanted, since root acts on it"
                               % (path, path)])
        if status.st_size > LIMIT:
            raise ConfigError(["%s:1: %d bytes; %d at most are wanted" % (path, status.st_size, LIMIT)])
        return os.read(fd, LIMIT).decode("utf-8", "surrogateescape")
    finally:
        os.close(fd)
