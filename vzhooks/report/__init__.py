"""What the operator sees: tables and pictures of the containers and the node."""
