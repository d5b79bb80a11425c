"""Print requirements of setup.cfg, one a line: `deps.py run test` for what the package and its tests need."""
import configparser
import os
import sys

cfg = configparser.ConfigParser(interpolation=None)
cfg.read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "setup.cfg"), encoding="utf-8")
for group in sys.argv[1:]:
    section, key = ("options", "install_requires") if group == "run" else ("options.extras_require", group)
    print(cfg[section][key].strip())
