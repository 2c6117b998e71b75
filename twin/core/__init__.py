"""The ground floor: the clock, chance, the records that cross rooms, and the errors."""
