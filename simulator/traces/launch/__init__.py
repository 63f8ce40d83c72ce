"""Launch lines of serving engines and their manifests: read as a scenario's settings, and written."""
