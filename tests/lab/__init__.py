"""A network laboratory in namespaces: nodes, a gateway, containers, and a stand-in vzctl that calls the hooks as vzctl does."""
