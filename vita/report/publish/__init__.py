"""What is published with a run's weights: a card for people and hubs, and where its numbers come from."""
