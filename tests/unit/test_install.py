"""`vzhook install` and `uninstall`: what becomes of /etc/vz, and that all of it comes back."""
import os
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import ini
from vzhooks.errors import ConfigError, Expected
from vzhooks.install import cli, record, texts
from vzhooks.nodeconf import read as read_node

OURS = 'EXTERNAL_SCRIPT="/usr/libexec/vzhooks/vzhook-external"  # vzhooks: \'vzhook uninstall\' takes this line out\n'
MOUNT_LINE = ('[ ! -x "${VZHOOKS_ROOT-}/usr/libexec/vzhooks/vzhook-mount" ] || '
              '"${VZHOOKS_ROOT-}/usr/libexec/vzhooks/vzhook-mount" || exit 1  # vzhooks: \'vzhook uninstall\' takes this line out\n')
SOMEBODYS = "#!/bin/sh -e\n/usr/local/bin/check-quota $VEID\nexit 0\n"
WIKI = "#!/bin/bash\n. /etc/vz/conf/$VEID.conf\nVZHOSTIF=x\nfor IP in $VETH_IP_ADDRESS; do ip route add $IP dev $VZHOSTIF; done\n"


@pytest.fixture(autouse=True)
def hooks(put):
    for verb in ("external", "mount", "umount"):
        put("/usr/libexec/vzhooks/vzhook-" + verb, "#!%s -IS\n" % sys.executable, 0o755)


@pytest.fixture
def run(root):
    """run(COMMAND, WORD…): (exit code, what was said), the root left out; raises what the program would catch."""
    def call(command, *words):
        done = CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(command, list(words))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output.replace(root, "")
    return call


def tree(root):
    """Every file below /etc/vz: its text, mode and time."""
    found = {}
    for directory, _, names in os.walk(root + "/etc/vz"):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
                found[path[len(root):]] = (file.read(), os.lstat(path).st_mode, os.lstat(path).st_mtime_ns)
    return found


def text(root, path):
    return tree(root)[path][0]


def test_on_a_fresh_node_three_files_come_and_go(run, root):
    assert run(cli.install) == (0, "made /etc/vz/conf/vps.umount: calls vzhook-umount\n"
                                "made /etc/vz/conf/vps.mount: calls vzhook-mount\n"
                                "made /etc/vz/vznet.conf: EXTERNAL_SCRIPT, which was not set\nfiles: 3\n")
    made = tree(root)
    assert made["/etc/vz/vznet.conf"][0] == OURS
    assert [oct(made["/etc/vz/conf/vps." + verb][1] & 0o777) for verb in ("mount", "umount")] == ["0o755"] * 2
    assert run(cli.install) == (0, "nothing to do: vzctl calls vzhooks\n") and tree(root) == made
    assert run(cli.uninstall)[0] == 0 and tree(root) == {} and not os.path.exists(root + "/var/lib/vzhooks")
    assert run(cli.uninstall) == (0, "files: 0\n")


def test_what_is_there_is_kept_and_comes_back_to_the_byte(run, root, put):
    program = put("/usr/sbin/own-script", "#!/bin/sh\nip link set $3 up\n", 0o755)
    put("/etc/vz/vznet.conf", "# mine\nEXTERNAL_SCRIPT=%s" % program, 0o640)
    put("/etc/vz/vzhooks.conf", "# settings\n[node]\ntimeout = 20\n\n[network a]\n")
    put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o700)
    put("/etc/vz/conf/vps.umount", SOMEBODYS.replace("\n", "\r\n", 0), 0o755)
    before = tree(root)
    code, said = run(cli.install)
    assert code == 0 and "changed /etc/vz/vznet.conf: EXTERNAL_SCRIPT, which was \"/usr/sbin/own-script\"\n" in said
    assert "changed /etc/vz/vzhooks.conf: else_script = /usr/sbin/own-script, for containers without our variables\n" in said
    assert text(root, "/etc/vz/vznet.conf") == "# mine\nEXTERNAL_SCRIPT=%s\n%s" % (program, OURS)
    assert text(root, "/etc/vz/vzhooks.conf").startswith("# settings\n[node]\nelse_script = %s  #" % program)
    assert read_node("F", text(root, "/etc/vz/vzhooks.conf")).else_script == program
    assert text(root, "/etc/vz/conf/vps.mount") == SOMEBODYS.replace("\n", "\n" + MOUNT_LINE, 1)
    made = tree(root)
    assert made["/etc/vz/conf/vps.mount"][1] & 0o777 == 0o700
    run(cli.install)
    assert tree(root) == made
    run(cli.uninstall)
    assert tree(root) == before


def test_security_labels_are_kept(run, root, put):
    path = put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o755)
    os.setxattr(path, "user.label", b"vz_script_t")  # one that needs no SELinux
    run(cli.install)
    assert texts.MARK in text(root, "/etc/vz/conf/vps.mount") and os.getxattr(path, "user.label") == b"vz_script_t"
    run(cli.uninstall)
    assert text(root, "/etc/vz/conf/vps.mount") == SOMEBODYS and os.getxattr(path, "user.label") == b"vz_script_t"


def test_a_dry_run_shows_and_changes_nothing(run, root, put):
    put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o755)
    before = tree(root)
    code, said = run(cli.install, "--dry-run")
    assert code == 0 and "\n+" + MOUNT_LINE in said and "\n+" + OURS in said and said.endswith("files to change: 3\n")
    assert tree(root) == before and not os.path.exists(root + "/var")


def test_the_wikis_script_is_not_kept(run, root, put):
    put("/etc/vz/vznet.conf", "EXTERNAL_SCRIPT=%s\n" % put("/usr/sbin/vznetcfg.custom", WIKI, 0o755))
    code, said = run(cli.install)
    assert code == 0 and "/etc/vz/vznet.conf:1: /usr/sbin/vznetcfg.custom: made from the wiki's" in said
    assert "/etc/vz/vzhooks.conf" not in tree(root)


def test_a_program_that_is_gone_is_not_kept(run, root, put):
    put("/etc/vz/vznet.conf", "EXTERNAL_SCRIPT=/nowhere/script\n")
    code, said = run(cli.install)
    assert code == 0 and "/nowhere/script: not there, or not to be run" in said and "/etc/vz/vzhooks.conf" not in tree(root)


def test_an_else_script_that_is_set_stays(run, root, put):
    put("/etc/vz/vznet.conf", "EXTERNAL_SCRIPT=%s\n" % put("/usr/sbin/one", "#!/bin/sh\n", 0o755))
    conf = "[node]\nelse_script = %s\n" % put("/usr/sbin/two", "#!/bin/sh\n", 0o755)
    put("/etc/vz/vzhooks.conf", conf)
    assert "[node] else_script is /usr/sbin/two already" in run(cli.install)[1]
    assert text(root, "/etc/vz/vzhooks.conf") == conf


@pytest.mark.parametrize("conf, content, mode, wanted", [
    ("conf/vps.mount", SOMEBODYS, 0o644, "conf/vps.mount:1: mode 0644; 'chmod 0755 /etc/vz/conf/vps.mount' is wanted"),
    ("conf/vps.mount", "echo hello\n", 0o755, "conf/vps.mount:1: 'echo hello'; '#!INTERPRETER', as '#!/bin/sh', is wanted"),
    ("conf/vps.umount", "#!/bin/nosuch\n", 0o755, "conf/vps.umount:1: the interpreter '/bin/nosuch', which is not there"),
    ("conf/vps.umount", "#!/bin/sh\r\nexit 0\r\n", 0o755, "conf/vps.umount:1: the interpreter '/bin/sh\\r', which is not"),
    ("vznet.conf", "EXTERNAL_SCRIPT=$(which x)\n", 0o644, "vznet.conf:1: a command or a calculation, '$(...'; only NAME=value"),
    ("vznet.conf", "A=1\\", 0o644, "vznet.conf:1: a backslash at the end; a line end without one is wanted"),
    ("vznet.conf", "if true; then\n", 0o644, "vznet.conf:1: 'if true; then'; only NAME=value"),
    ("vzhooks.conf", "[node]\ntimeout = 0\n", 0o644, "vzhooks.conf:2: timeout = 0; a number from 1 to 3600 is wanted"),
])
def test_what_would_stop_every_start_is_found_before_anything_is_changed(run, root, put, conf, content, mode, wanted):
    put("/etc/vz/" + conf, content, mode)
    before = tree(root)
    with pytest.raises(ConfigError) as error:
        run(cli.install)
    assert str(error.value).replace(root, "").startswith("/etc/vz/" + wanted)
    assert tree(root) == before and not os.path.exists(root + "/var/lib/vzhooks")


@pytest.mark.parametrize("content, mode, wanted", [
    (None, 0, "no such program; the package vzhooks"), ("#!/nosuch -IS\n", 0o755, "the interpreter '/nosuch'"),
    ("#!%s -IS\n" % sys.executable, 0o644, "mode 0644"), ("#!/bin/false -IS\n", 0o755, "exit code 1"),
])
def test_a_hook_that_does_not_run_is_not_installed(run, root, put, content, mode, wanted):
    os.unlink(root + "/usr/libexec/vzhooks/vzhook-mount")
    if content is not None:
        put("/usr/libexec/vzhooks/vzhook-mount", content, mode)
    with pytest.raises(Expected) as error:
        run(cli.install)
    assert wanted in str(error.value) and tree(root) == {}


def test_mistakes_of_all_files_come_at_once(run, put):
    put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o644)
    put("/etc/vz/conf/vps.umount", SOMEBODYS, 0o600)
    put("/etc/vz/vznet.conf", "EXTERNAL_SCRIPT='x\n")
    with pytest.raises(ConfigError) as error:
        run(cli.install)
    assert len(error.value.mistakes) == 3


@pytest.mark.parametrize("verb, end", [("mount", "a mistake in a conf is found only when"), ("umount", "stays after its stop.")])
def test_what_is_no_shell_script_is_explained_and_the_rest_is_done(run, root, put, verb, end):
    put("/etc/vz/conf/vps." + verb, "#!%s\n" % sys.executable, 0o755)
    code, said = run(cli.install)
    assert code == 1 and "vps.%s is no shell script: left as it is." % verb in said and end in said
    assert text(root, "/etc/vz/conf/vps." + verb) == "#!%s\n" % sys.executable
    assert text(root, "/etc/vz/vznet.conf") == OURS


def test_a_symbolic_link_is_not_followed(run, root, put):
    os.symlink(put("/opt/shared.mount", SOMEBODYS, 0o755), root + "/etc/vz/conf/vps.mount")
    code, said = run(cli.install)
    assert code == 1 and "vps.mount is a symbolic link" in said and os.path.islink(root + "/etc/vz/conf/vps.mount")
    run(cli.uninstall)
    os.symlink(put("/opt/vznet.conf", ""), root + "/etc/vz/vznet.conf")
    with pytest.raises(ConfigError):
        run(cli.install)


def test_a_script_that_calls_the_hook_already_stays(run, root, put):
    by_hand = "#!/bin/sh\n/usr/libexec/vzhooks/vzhook-mount || exit 1\n"
    put("/etc/vz/conf/vps.mount", by_hand, 0o755)
    run(cli.install)
    assert text(root, "/etc/vz/conf/vps.mount") == by_hand
    put("/etc/vz/conf/vps.umount", "#!/bin/sh\n# vzhook-umount\n", 0o755)
    run(cli.install)
    assert texts.MARK in text(root, "/etc/vz/conf/vps.umount")


def test_what_was_edited_since_keeps_its_edits(run, root, put):
    put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o755)
    put("/etc/vz/vznet.conf", "A=1\n")
    run(cli.install)
    edited = text(root, "/etc/vz/conf/vps.mount") + "# more\n"
    put("/etc/vz/conf/vps.mount", edited, 0o755)
    put("/etc/vz/conf/vps.umount", "#!/bin/sh\n", 0o755)
    os.unlink(root + "/etc/vz/vznet.conf")
    code, said = run(cli.uninstall)
    assert code == 0 and text(root, "/etc/vz/conf/vps.mount") == SOMEBODYS + "# more\n"
    assert text(root, "/etc/vz/conf/vps.umount") == "#!/bin/sh\n"
    assert "/etc/vz/vznet.conf: removed since; left so" in said and "/etc/vz/conf/vps.umount: edited since; left so" in said


def test_an_edit_between_two_installs_is_not_lost(run, root, put):
    put("/etc/vz/vznet.conf", "A=1\n")
    run(cli.install)
    put("/etc/vz/vznet.conf", "A=2\n")
    run(cli.install)
    assert text(root, "/etc/vz/vznet.conf") == "A=2\n" + OURS
    run(cli.uninstall)
    assert text(root, "/etc/vz/vznet.conf") == "A=2\n"


def test_killed_before_the_files_are_written_it_is_undone_or_repeated(run, root, put, monkeypatch):
    put("/etc/vz/conf/vps.mount", SOMEBODYS, 0o755)
    before = tree(root)
    real, written = record.wholefile.put, []

    def dies(path, content, mode):
        written.append(path)
        if len(written) == 3:
            put("/etc/vz/.vznet.conf.new", "half of i")
            raise KeyboardInterrupt
        real(path, content, mode)

    for end in (cli.uninstall, cli.install):
        written.clear()
        monkeypatch.setattr(record.wholefile, "put", dies)
        CliRunner().invoke(cli.install, [])
        monkeypatch.setattr(record.wholefile, "put", real)
        assert "/etc/vz/vznet.conf" not in tree(root)
        run(end)
    assert text(root, "/etc/vz/vznet.conf") == OURS
    run(cli.uninstall)
    assert tree(root) == before


def test_a_node_without_vzctl_is_told_so(run, root):
    os.rmdir(root + "/etc/vz/conf")
    with pytest.raises(Expected) as error:
        run(cli.install)
    assert "/etc/vz/conf: no such directory; vzctl is wanted first" in str(error.value)


@pytest.mark.parametrize("first, wanted", [
    ("#!/bin/sh", True), ("#! /bin/bash -e", True), ("#!/usr/bin/env bash", True), ("#!/bin/busybox sh", True),
    ("#!/usr/bin/python3", False), ("#!/usr/bin/env python3", False), ("#!/usr/bin/env", False), ("#!", False), ("", False),
    ("\x7fELF", False), ("echo #!/bin/sh", False), ("#!/bin/sh\r", False),
])
def test_shells(first, wanted):
    assert texts.is_shell(first + "\nexit 0\n") is wanted


TEXT = st.text(st.sampled_from("[]node =#;\n\r\tabAB\"'$"), max_size=60)


@given(TEXT)
def test_our_lines_go_as_they_came(before):
    ended = before + "\n" if before and not before.endswith("\n") else before
    assert texts.without_mark(texts.with_external(before)) == ended
    for verb in ("mount", "umount"):
        first = before if "\n" in before else before + "\n"
        assert texts.without_mark(texts.with_call(before, verb)) == first and texts.calls(texts.with_call(before, verb), verb)


@given(TEXT)
def test_what_a_shell_reads_is_ours_or_a_mistake(before):
    try:
        texts.external_script("F", before)
        found = texts.external_script("F", texts.with_external(before))
    except ConfigError:
        return
    assert found == (texts.EXTERNAL, "F:%d" % texts.with_external(before).replace("\r\n", "\n").count("\n"))


@given(TEXT)
def test_else_script_lands_in_node(before):
    sections, mistakes = ini.sections("F", before)
    if mistakes or "else_script" in sections.get("node", {}):
        return
    again, mistakes = ini.sections("F", texts.with_else(before, "/usr/sbin/x"))
    assert not mistakes and again["node"]["else_script"].value == "/usr/sbin/x"
