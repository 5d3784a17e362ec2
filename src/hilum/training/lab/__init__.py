"""The laboratory: any network, loss, optimiser and schedule on any table of cases of films, from one TOML file each."""
