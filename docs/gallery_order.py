"""The order of the examples: as a newcomer reads them."""

ORDER = (
    "own_ode",
    "data_fit",
    "stiff_chemistry",
    "bouncing_ball",
    "neural_ode",
    "figure_8_to_simo",
    "reaction_diffusion",
    "write_a_strategy",
)


class Given:
    """A sort key of sphinx-gallery, by the name of the file; what is not in the list comes last."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, file: str) -> int:
        name = file.removesuffix(".py")
        return ORDER.index(name) if name in ORDER else len(ORDER)
