"""What the peers change as they are imported is meant for their own process."""

collect_ignore_glob = ["peers/*"]
