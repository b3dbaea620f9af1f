"""What happens inside each step of a kerasline pipeline, one room per stage, in the order that data flows."""
