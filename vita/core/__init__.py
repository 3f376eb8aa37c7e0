"""Types, protocols, configuration, files and plug-ins; imports no torch when it runs."""
