"""How every command behaves: its options, its errors, the lines and tables that it prints."""
