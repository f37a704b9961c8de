"""Lambda packages: what is in each layer (recipes), how it is built, proved and measured (build)."""
