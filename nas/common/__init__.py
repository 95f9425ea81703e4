"""What every floor may use: errors, files, the cache folder, the machine, quantities, fronts, statistics."""
