"""The commands of CLI.md, one group a file. Each parses, calls a room, prints, and gives an exit code."""
