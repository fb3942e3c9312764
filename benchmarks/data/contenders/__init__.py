"""Who is measured: each module answers the same jobs in a process of its own, the peers' in their own environments."""
