"""The program `vzhook` as installed: finds the libraries first, as the hooks do when they need them."""
from vzhooks import hooks, libraries


def main() -> None:
    """Run the command line; exit codes as in cli.main."""
    libraries.find()
    from vzhooks import cli

    try:
        cli.main()
    except SystemExit as end:
        hooks.leave(int(end.code or 0))
