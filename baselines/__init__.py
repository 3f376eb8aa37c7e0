"""The methods VITA is compared with."""
