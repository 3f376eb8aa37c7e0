"""How many frames fit into memory: measured in processes of their own, and predicted from shapes."""
