"""Who is measured: each module answers its jobs in a process of its own, the peers' in their own environments."""
