"""The broker: one process per cluster that grants leases."""
