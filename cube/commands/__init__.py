"""Groups of commands of the command line, one module each; `cube.cli` puts them together."""
