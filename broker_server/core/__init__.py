"""Pure rules: no socket, no clock of their own, no file. Time and ids are passed in."""
