"""What drives the comparer. The families beside it know only engine.draw."""
