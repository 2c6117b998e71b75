"""What goes wrong: a catalogue of faults, the ports they act through, when they begin, and their receipts."""
