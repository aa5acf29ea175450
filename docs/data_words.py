"""What the public names say that are neither functions nor classes, and so have no docstring of their own."""

WORDS = {
    "hessbench.STATUSES": "What can become of a case: `Record.status`, in the order of the codes that asv stores.",
    "hessbench.plugins.METHODS": "The methods that `hessbench.plugins.solve` knows.",
    "hessbench.backends.PACKAGES": "The package that each backend needs, by the name of the backend.",
    "hessbench.backends.Use": "What a backend may be preferred for: the fields of `hessbench.backends.Ranks`.",
}
