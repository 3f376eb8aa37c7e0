"""The ledger: what the paper claims, as data, held against the results in force."""
