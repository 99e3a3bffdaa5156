"""Looking on while a run goes: one glance at its file (`glance`), how it looks (`view`), again and again (`follow`)."""
