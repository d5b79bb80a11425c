"""`vzhook install`, `uninstall`, `adopt`: how a node that runs already gets vzhooks, and loses it again."""
