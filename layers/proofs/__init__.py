"""Programs that run with a layer alone and fail when something in it is missing or broken."""
