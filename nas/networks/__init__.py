"""From an arch, or a library's classifier, to a torch module, its costs and its weights."""
