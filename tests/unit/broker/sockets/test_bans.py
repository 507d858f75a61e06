from jobwire.broker.sockets.bans import BAN_SECONDS, Bans

SOMEBODY, ANOTHER = b"s" * 32, b"a" * 32


def test_a_ban_is_of_one_member_and_ends_by_itself() -> None:
    now = 100.0
    bans = Bans(lambda: now)
    bans.ban(SOMEBODY)
    assert (bans.is_banned(SOMEBODY), bans.is_banned(ANOTHER)) == (True, False)
    now += BAN_SECONDS - 0.1
    bans.ban(ANOTHER)
    assert (bans.is_banned(SOMEBODY), bans.is_banned(ANOTHER)) == (True, True)
    now += 0.1
    assert (bans.is_banned(SOMEBODY), bans.is_banned(ANOTHER)) == (False, True)


def test_another_flood_begins_another_ban() -> None:
    now = 100.0
    bans = Bans(lambda: now)
    bans.ban(SOMEBODY)
    now += BAN_SECONDS - 0.1
    bans.ban(SOMEBODY)
    now += BAN_SECONDS - 0.1
    assert bans.is_banned(SOMEBODY)
