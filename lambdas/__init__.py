"""The functions: one folder each, which its Lambda package keeps as a path. They never import each other."""
