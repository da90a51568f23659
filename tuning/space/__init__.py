"""Search spaces: ranges, scales, distances, and configurations drawn while a model builder runs."""
