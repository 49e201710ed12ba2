from __future__ import annotations

from broker_client.errors import SubscriptionLimit, Unsupported
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.openapi_plus.realtime_table import fid_of, real_types, types_by_code
from broker_server.vendors.kiwoom.openapi_plus.registrar import CODES_PER_SCREEN, Registrar
from tests.support.kiwoom_control import Stage

TRADES, BOOK = Registration("0B", "005930"), Registration("0D", "005930")
AS_BEFORE = Registration("10", "005930")


def want(stage: Stage, *registrations: Registration) -> None:
    stage.loop.post(lambda: stage.session.registrar.want(registrations))
    stage.run(seconds=0.1)


def calls(stage: Stage, method: str) -> list[tuple[object, ...]]:
    return [call.args for call in stage.noted.calls if call.method == method]


def test_types_that_have_the_price_share_one_registration() -> None:
    stage = Stage().log_in()
    want(stage, TRADES, AS_BEFORE, BOOK)
    assert [args[1:] for args in calls(stage, "SetRealReg")] == [("005930", "10", "0"), ("005930", "41", "0")]
    assert {each[0] for each in stage.heard.of("registered")} == {TRADES, AS_BEFORE, BOOK}
    want(stage, AS_BEFORE, BOOK)
    assert calls(stage, "SetRealRemove") == []
    assert calls(stage, "DisconnectRealData") == []


def test_the_first_of_a_screen_replaces_and_the_others_are_added() -> None:
    stage = Stage().log_in()
    want(stage, TRADES)
    want(stage, TRADES, Registration("0B", "000660"))
    first, second = calls(stage, "SetRealReg")
    assert (first[3], second[3]) == ("0", "1")
    assert first[0] == second[0]
    want(stage, Registration("0B", "000660"))
    assert calls(stage, "SetRealRemove") == [(first[0], "005930")]
    want(stage)
    assert calls(stage, "DisconnectRealData") == [(first[0],)]
    assert stage.control.registrations.screens == {}


def test_no_screen_is_filled_beyond_what_kiwoom_keeps() -> None:
    stage = Stage().log_in()
    many = [Registration("0B", f"{number:06d}") for number in range(250)]
    want(stage, *many)
    sizes = [len(screen.asked) for screen in stage.control.registrations.screens.values()]
    assert sorted(sizes) == [70, CODES_PER_SCREEN, CODES_PER_SCREEN]
    assert stage.control.registrations.dropped == []
    assert len(stage.heard.of("registered")) == 250
    want(stage, *many[100:])
    assert sum(len(screen.asked) for screen in stage.control.registrations.screens.values()) == 150


def test_what_finds_no_screen_is_refused_and_comes_in_when_one_is_free() -> None:
    stage = Stage().log_in()
    pool = stage.session.registrar._screens
    taken = [pool.take() for _ in range(pool.size)]
    want(stage, TRADES)
    ((registration, error, for_good),) = stage.heard.of("refused")
    assert (registration, for_good) == (TRADES, False)
    assert isinstance(error, SubscriptionLimit)
    for number in taken:
        pool.give_back(number or "")
    stage.run(seconds=11)
    assert stage.heard.of("registered") == [(TRADES,)]
    assert len(stage.heard.of("refused")) == 1


def test_an_unknown_type_is_refused_for_good() -> None:
    stage = Stage().log_in()
    want(stage, Registration("ZZ", "005930"))
    ((_, error, for_good),) = stage.heard.of("refused")
    assert isinstance(error, Unsupported)
    assert for_good


def test_a_renewed_registration_is_made_anew() -> None:
    stage = Stage().log_in()
    want(stage, TRADES)
    stage.loop.post(lambda: stage.session.registrar.renew(TRADES))
    stage.run(seconds=0.1)
    assert len(calls(stage, "SetRealReg")) == 2
    assert stage.heard.of("registered") == [(TRADES,), (TRADES,)]


def test_what_was_wanted_before_the_login_is_registered_after_it() -> None:
    stage = Stage()
    want(stage, TRADES)
    assert calls(stage, "SetRealReg") == []
    stage.log_in().run(seconds=0.1)
    assert stage.heard.told[:2] == [("connected",), ("registered", TRADES)]


def test_a_lost_connection_interrupts_what_was_registered() -> None:
    stage = Stage().log_in()
    want(stage, TRADES, Registration("ZZ", "1"))
    stage.control.lose_connection()
    stage.run(seconds=1)
    (((lost,), _),) = stage.heard.of("interrupted")
    assert lost == TRADES
    assert len(stage.heard.of("failing")) == 1


def test_live_data_come_whole() -> None:
    stage = Stage().log_in()
    want(stage, BOOK)
    stage.control.tick()
    stage.run(seconds=0.1)
    ((key, name, data),) = stage.heard.of("received")
    assert (key, name) == ("005930", "주식호가잔량")
    assert len(data.split("\t")) == len(real_types()["주식호가잔량"].fids)


def test_the_fids_that_register_a_type_are_its_own() -> None:
    for code, each in types_by_code().items():
        assert fid_of(code) in each.fids
    assert fid_of("00") is None
    assert fid_of("0B") == fid_of("0H") == fid_of("10") == 10


def test_a_registrar_without_a_login_does_nothing() -> None:
    stage = Stage()
    registrar = Registrar(stage.session.control, stage.session.registrar._screens, stage.heard, stage.loop)
    registrar.renew(TRADES)
    assert stage.heard.told == []
