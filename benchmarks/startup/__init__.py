"""How much faster a script starts from the fork server than from a cold interpreter."""
