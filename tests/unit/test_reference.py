"""docs/reference.md is what the code says, and has every variable."""
import importlib.util
import os
import sys

from vzhooks import model

TOOLS = os.path.join(os.path.dirname(__file__), "..", "..", "tools")


def made(monkeypatch):
    monkeypatch.setattr(sys, "path", [TOOLS] + sys.path)
    spec = importlib.util.spec_from_file_location("reference", os.path.join(TOOLS, "reference.py"))
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    return reference


def test_the_page_is_as_the_code_says(monkeypatch):
    reference = made(monkeypatch)
    with open(reference.PATH, encoding="utf-8") as file:
        assert file.read() == reference.text(), "'make reference' is wanted"


def test_every_variable_and_setting_is_in_it(monkeypatch):
    reference = made(monkeypatch)
    text = reference.text()
    assert [name for name in model.OURS + model.FILTERS if "`%s`" % name not in text] == []
    assert [key for _, keys in reference.SECTIONS for key in keys if "`%s`" % key not in text] == []
