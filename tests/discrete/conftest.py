"""A cache of kernels of its own for this folder, so that tests neither find nor leave any on the machine."""

import pytest


@pytest.fixture(scope="package", autouse=True)
def kernel_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HESSBENCH_CACHE", str(folder))
        yield folder
