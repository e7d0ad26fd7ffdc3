"""The site's database: inventory, plans, jobs, leases and observations, and the tables of the ledger."""
