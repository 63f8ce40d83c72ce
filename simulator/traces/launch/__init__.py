"""Launch lines and manifests of serving engines: read as a scenario's settings, and written."""
