"""The commands, a file a group. What is heavy (physics, tables) is imported inside the command that needs it."""
