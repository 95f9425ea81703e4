"""What a run is on disk: its folder, its Optuna studies, its manifest, and the name of a point of it."""
