"""docs/troubleshooting.md: every step that it explains is one that the doctor has."""
import glob
import os
import re

REPOSITORY = os.path.join(os.path.dirname(__file__), "..", "..")


def test_every_step_of_the_page_is_in_the_code():
    with open(os.path.join(REPOSITORY, "docs", "troubleshooting.md"), encoding="utf-8") as file:
        steps = re.findall(r"(?m)^\| ([^|]+) \| ", file.read())
    code = ""
    for path in glob.glob(os.path.join(REPOSITORY, "vzhooks", "doctor", "*.py")):
        with open(path, encoding="utf-8") as file:
            code += file.read()
    patterns = [step.replace("ip is installed", "is installed") for step in steps if step != "step"]
    assert len(patterns) > 18 and [step for step in patterns if step not in code] == []
