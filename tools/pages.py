"""Man pages and shell completion from the one place where each thing is said: `pages.py DIR` writes them below DIR.

vzhook(8) and the completion from the command line's own help, vzhooks.conf(5) from etc/vz/vzhooks.conf, vzhooks-plan(5)
from docs/plan.md.  The same on every Python and with every click.
"""
import os
import re
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, REPOSITORY)

import click  # noqa: E402

from vzhooks import __version__, arguments, cli  # noqa: E402

CONF = "etc/vz/vzhooks.conf"
PAGES = ("man/man8/vzhook.8", "man/man5/vzhooks.conf.5", "man/man5/vzhooks-plan.5",
         "bash-completion/completions/vzhook", "zsh/site-functions/_vzhook")
SEE = {"vzhook.8": "vzhooks.conf(5), vzhooks-plan(5), vzctl(8), ip(8), /usr/share/doc/vzhooks/README.md",
       "vzhooks.conf.5": "vzhook(8), vzhooks-plan(5), /usr/share/doc/vzhooks/docs",
       "vzhooks-plan.5": "vzhook(8), vzhooks.conf(5), ip(8)"}
SYNOPSIS = "## SYNOPSIS\n\n`vzhook` COMMAND [OPTION]... [ARGUMENT]...\n\n"
EXITS = "## EXIT STATUS\n\n0\n: done\n\n1\n: failed, or drift\n\n2\n: usage or configuration\n\n"
FILES = """## FILES

/etc/vz/vz.conf, /etc/vz/conf/VEID.conf
: what containers should have, as vzctl has it

/etc/vz/vzhooks.conf
: what the node should have: vzhooks.conf(5)

/etc/vz/vzhooks/templates
: templates of the administrator, instead of those in /usr/share/vzhooks/vzhooks/templates: vzhooks-plan(5)

/run/vzhooks
: journals: what is set up now

/var/cache/vzhooks
: plans that are made already

/var/lib/vzhooks
: what `install` and `node export` have replaced

/var/log/vzhooks.log
: where no syslog listens

"""


def main(top):
    """Write all of PAGES below TOP."""
    for path, text in pages().items():
        whole = os.path.join(top, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


def pages():
    """Give {path below /usr/share: text}."""
    tree = list(commands(cli.whole(), ()))
    texts = (man("vzhook.8", "container networking for OpenVZ nodes, by hand", command_page(tree)),
             man("vzhooks.conf.5", "settings of a node's container networking", conf_page(read(CONF))),
             man("vzhooks-plan.5", "what vzhooks does to the network", plan_page(read("docs/plan.md"))),
             completion("bash", tree), completion("zsh", tree))
    return dict(zip(PAGES, texts))


def read(path):
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        return file.read()


# The command line

def commands(group, names):
    """Every command below a group, groups before theirs: (names, command)."""
    for name in sorted(group.commands):
        command = group.commands[name]
        yield names + (name,), command
        if isinstance(command, click.Group):
            yield from commands(command, names + (name,))


def usage(names, command):
    """`vzhook run VEID [--device DEV] [--dry-run]`; options are in their order, arguments first."""
    words = ["vzhook"] + list(names)
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = parameter.metavar or parameter.name.upper()
            words.append(name if parameter.metavar or parameter.required else "[%s]" % name)
    words += ["[%s]" % option(parameter, 1) for parameter in command.params if isinstance(parameter, click.Option)]
    return " ".join(words + (["COMMAND"] if isinstance(command, click.Group) else []))


def option(parameter, names=None):
    """`-o, --output FILE` as the help has it, or only the first NAMES of it."""
    words = ", ".join(parameter.opts[:names])
    return words if parameter.is_flag else "%s %s" % (words, parameter.metavar or parameter.type.name.upper())


def command_page(tree):
    """vzhook(8) as Markdown."""
    text = [SYNOPSIS, "## DESCRIPTION\n\n", paragraphs(cli.whole().help), "## COMMANDS\n\n"]
    for names, command in tree:
        text += ["### %s\n\n" % usage(names, command), paragraphs(command.help)]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                text.append("`%s`\n: %s\n\n" % (option(parameter), parameter.help))
    return "".join(text) + EXITS + FILES


def paragraphs(text):
    """A docstring, its lines joined to paragraphs."""
    parts = re.split(r"\n\s*\n", text.strip())
    return "".join(" ".join(part.split()) + "\n\n" for part in parts)


# The conf file and the plan

def conf_page(text):
    """vzhooks.conf(5) as Markdown: `# text` before `#key = default` or `[section]` belongs to it."""
    out = ["## DESCRIPTION\n\n"]
    said = []
    for row in text.splitlines() + [""]:
        setting = re.match(r"#?(\[[^\]]+\]|[a-z_]+ = .*)$", row)
        if setting and setting.group(1).startswith("["):
            out.append("### %s\n\n" % setting.group(1))
            out.append(" ".join(said) + "\n\n" if said else "")
        elif setting:
            out.append("`%s`\n: %s\n\n" % (setting.group(1), " ".join(said) or "As above."))
        elif row.startswith("# "):
            said.append(row[2:])
            continue
        elif said:
            out.append(" ".join(said) + "\n\n")
        said = []
    return "".join(out)


def plan_page(text):
    """vzhooks-plan(5) as Markdown: the headings of the page in a man page's order."""
    body = text.partition("\n")[2]
    return "## DESCRIPTION\n" + re.sub(r"^## (.*)$", lambda found: "## " + found.group(1).upper(), body, flags=re.M)


# Markdown to man(7), as far as these pages use it

def man(name, what, text):
    """A whole page; NAME is that of its file."""
    title, section = name.rsplit(".", 1)
    head = '.TH %s %s "" "vzhooks %s"\n.SH NAME\n%s \\- %s\n' % (
        title.upper(), section, __version__, escaped(title), escaped(what))
    return head + roff(text) + ".SH SEE ALSO\n%s\n" % escaped(SEE[name])


def roff(text):
    """Headings, paragraphs, lists, definitions (`term`, below it `: text`), code between ```."""
    out = []
    literal = False
    for row in text.split("\n"):
        if row.startswith("```"):
            literal = not literal
            out.append(".PP\n.RS 4\n.nf" if literal else ".fi\n.RE")
        elif literal:
            out.append(guarded(escaped(row)))
        elif row.startswith("## "):
            out.append(".SH " + escaped(row[3:]))
        elif row.startswith("### "):
            out.append(".SS " + escaped(row[4:]))
        elif row.startswith("- "):
            out.append(".IP \\(bu 2\n" + inline(row[2:]))
        elif row.startswith(": "):
            out[-1] = ".TP\n" + out[-1]
            out.append(inline(row[2:]))
        elif not row.strip():
            out.append(".PP")
        else:
            out.append(inline(row.strip()))
    joined = "\n".join(out)
    joined = re.sub(r"(\.PP\n)+(?=\.(SH|SS|TP|PP|IP))|(?<=\n)(\.PP\n?)+\Z", "", joined)
    return re.sub(r"((?:^|\n)\.S[HS] [^\n]*\n)(\.PP\n)+", r"\1", joined).rstrip("\n") + "\n"


def inline(text):
    parts = re.split(r"`([^`]+)`|\*\*([^*]+)\*\*", text)
    plain = [escaped(part or "") for part in parts]
    done = "".join(plain[at] + ("\\fB%s\\fR" % (plain[at + 1] or plain[at + 2]) if at + 2 < len(plain) else "")
                   for at in range(0, len(plain), 3))
    return guarded(done)


def escaped(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def guarded(row):
    return "\\&" + row if row[:1] in (".", "'") else row


# Completion: one function of words for both shells, since the ways of click's versions differ and start Python

SHELL = r"""_vzhook_candidates() {    # WORD...: what may follow these words of a command line, one a line
    local at='' word='' last='' file=''
    for word in "$@"; do
        last=$word
        case ' @PATHS@ ' in *" $at$word "*) at=$at$word/ ;; esac
    done
    if [ "$last" = --device ]; then
        for file in /sys/class/net/*; do
            file=${file##*/}
            case $file in *[!A-Za-z0-9._-]*) ;; *) echo "$file" ;; esac
        done
        return
    fi
    case $at in
@WORDS@
    esac
    case $at in
        @VEIDS@)
            for file in "${VZHOOKS_ROOT-}"/etc/vz/conf/[0-9a-f]*.conf; do
                file=${file##*/} file=${file%.conf}
                case $file in 0|*[!0-9a-f-]*) ;; *) echo "$file" ;; esac
            done ;;
    esac
}
"""
ENDS = {"bash": """
_vzhook() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(_vzhook_candidates "${COMP_WORDS[@]:1:COMP_CWORD-1}")" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _vzhook vzhook
""", "zsh": """
_vzhook() {
    setopt local_options no_nomatch
    compadd -- ${(f)"$(_vzhook_candidates "${(@)words[2,CURRENT-1]}")"}
}
_vzhook "$@"
"""}


def completion(shell, tree):
    """What bash-completion or zsh loads for `vzhook`."""
    groups = {(): cli.whole()}
    groups.update(tree)
    rows = []
    for names, command in sorted(groups.items()):
        words = sorted(getattr(command, "commands", ()))
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                words += [one for one in parameter.opts if one.startswith("--")]
            elif isinstance(parameter.type, click.Choice):
                words += list(parameter.type.choices)
        words = list(dict.fromkeys(words + ["--help"]))
        rows.append("        %s) printf '%%s\\n' %s ;;" % (path(names) or "''", " ".join(words)))
    veids = [path(names) for names, command in tree
             if any(isinstance(parameter.type, arguments.Veid) for parameter in command.params)]
    text = SHELL.replace("@PATHS@", " ".join(path(names).rstrip("/") for names, _ in tree))
    text = text.replace("@WORDS@", "\n".join(rows)).replace("@VEIDS@", "|".join(veids))
    return ("#compdef vzhook\n" if shell == "zsh" else "# bash completion of vzhook\n") + text + ENDS[shell]


def path(names):
    return "".join(name + "/" for name in names)


if __name__ == "__main__":
    main(sys.argv[1])
