"""What several balancers have in common; no method of its own. Each name is imported from its file."""
