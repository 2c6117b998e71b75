import pytest

from twin.core import assets
from twin.core.errors import AssetError


@pytest.mark.parametrize("place", ["assets", "twin/_assets"])
def test_assets_lie_beside_the_package_or_inside_it(tmp_path, monkeypatch, place):
    (tmp_path / place / "maps").mkdir(parents=True)
    (tmp_path / place / "maps" / "mine.yaml").touch()
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "twin")
    assert assets.named("maps", "mine", ".yaml") == tmp_path / place / "maps" / "mine.yaml"


def test_an_installation_without_assets_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "twin")
    with pytest.raises(AssetError, match="no assets/ folder"):
        assets.shipped()


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(AssetError, match=r"no 'ur3_cobotop' .*did you mean 'ur3_cobotops'\?"):
        assets.named("maps", "ur3_cobotop", ".yaml")
