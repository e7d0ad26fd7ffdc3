"""The shipped notice: its wording, its sub-clauses, and the defaults that the program really uses."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

import policies.clauses
from policies.clauses.notice import Sentence, Support, notice
from policies.errors import NotFound
from policies.layout import layout
from policies.site import Parameters

SUB_CLAUSES = ("7.1a", "7.1b", "7.1c", "7.2a", "7.2b", "7.2c", "7.2d")


def test_the_notice_is_named_and_dated() -> None:
    assert notice().number == "沪公技防〔2021〕5号"
    assert notice().in_force == date(2022, 3, 1)
    assert notice().part == Sentence("附件", "annex")
    assert notice() is notice()


def test_clause_7_1_has_the_notices_own_words() -> None:
    text = notice().clause("7.1").text
    assert text is not None
    assert text.zh == (
        "人脸识别应采用数据结构独立的专用网络（可采用 VLAN 的独立网段），应对系统中所有接入设备的网络端口"
        "予以管理和绑定。"
    )


def test_clause_7_2_has_the_notices_own_words() -> None:
    text = notice().clause("7.2").text
    assert text is not None
    assert text.zh == (
        "人脸识别相关数据内容关联应用终端的所有 USB 端口应采用可通过出入口控制系统授权刷卡认证的 USB 防拔插设备"
        "予以绑定管理，并不应通过互联网与其他应用实现实时联网。"
    )


def test_every_sub_clause_says_in_both_languages_what_it_demands_and_what_proves_it() -> None:
    assert tuple(demand.id for demand in notice().demands) == SUB_CLAUSES
    for demand in notice().demands:
        for sentence in (demand.demand, demand.proof):
            assert sentence.text("zh") == sentence.zh
            assert sentence.text("en") == sentence.en
            assert any("一" <= c <= "鿿" for c in sentence.zh)
            assert not any("一" <= c <= "鿿" for c in sentence.en)


def test_a_sub_clause_belongs_to_its_clause_and_names_its_own_module() -> None:
    for clause in notice().clauses:
        for demand in clause.demands:
            assert demand.id.startswith(clause.id)
            assert demand.check == "c" + demand.id.replace(".", "")
            assert notice().demand(demand.id) is demand


def test_every_module_of_a_check_is_named_by_a_sub_clause() -> None:
    modules = {path.stem for path in Path(policies.clauses.__file__).parent.glob("c[0-9]*.py")}
    assert modules <= {demand.check for demand in notice().demands}


def test_the_other_clauses_are_supported_in_part_and_say_how_far() -> None:
    part = [clause for clause in notice().clauses if clause.support is Support.PART]
    assert [clause.id for clause in part] == ["5.3", "7.3", "7.4", "7.5"]
    assert all(clause.scope is not None and clause.scope.zh and clause.scope.en for clause in part)
    assert all(clause.text is None and not clause.demands for clause in part)
    full = [clause for clause in notice().clauses if clause.support is Support.FULL]
    assert [clause.id for clause in full] == ["7.1", "7.2"]
    assert all(clause.demands and clause.scope is None for clause in full)


@pytest.mark.parametrize("wanted", ["7.9", "7.1", ""])
def test_an_unknown_sub_clause_is_not_found(wanted: str) -> None:
    with pytest.raises(NotFound, match=r"the notice has no clause.*choose one of 7.1a, 7.1b"):
        notice().demand(wanted)


def test_an_unknown_clause_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"the notice has no clause 7.1a. Next: choose one of 7.1, 7.2, 5.3"):
        notice().clause("7.1a")


def test_the_parameters_are_the_defaults_of_the_declaration_each_with_a_reason() -> None:
    shipped = {parameter.name: parameter.default for parameter in notice().parameters}
    assert shipped == dataclasses.asdict(Parameters())
    for parameter in notice().parameters:
        assert notice().parameter(parameter.name) is parameter
        assert parameter.reason.zh
        assert parameter.reason.en


def test_every_parameter_is_a_key_of_the_policy_section() -> None:
    policy = next(section for section in layout().sections if section.name == "policy")
    assert [key.name for key in policy.keys] == [parameter.name for parameter in notice().parameters]
