"""Fail-over of a virtual address: two nodes and a client in network namespaces, requests every 10 ms.

The limits are the protocol's own times (RFC 9568: Active_Down_Interval = 3 intervals + Skew_Time) plus what a busy machine may
need; tests/tools/measure_vip.py says how long it really takes.
"""
import os
import random
import shutil
import signal
import time

import netns
import pytest
from harness import SLOW, wait_until
from vip_site import VIP, Keepalived, Ours, Site

pytestmark = pytest.mark.skipif(netns.missing() is not None, reason=str(netns.missing()))
needs_keepalived = pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")

INTERVAL = 100  # ms
SKEW = {150: (256 - 150) / 256 * INTERVAL, 100: (256 - 100) / 256 * INTERVAL}
DOWN = 3 * INTERVAL + SKEW[100]
SLACK = 150 * SLOW  # ms, for a machine that has other work


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as made:
        yield made


def start_both(site, a=Ours, b=Ours, **options):
    site.node("a", a, 150, INTERVAL, **options)
    site.node("b", b, 100, INTERVAL, **options)
    site.wait_holder("a")
    site.wait_answer("a")
    time.sleep(random.random() * INTERVAL / 1000)  # faults come at any phase


def test_the_higher_priority_holds_the_address_alone(site):
    start_both(site)
    assert site.nodes["a"].state() == "active"
    heard = {"address": "10.77.0.1", "priority": 150, "interval_ms": 100}
    wait_until(lambda: site.nodes["b"].router()["last_active_peer"] == heard, what="b reports whom it hears")
    assert site.nodes["b"].state() == "backup"
    assert site.client.neighbour(VIP) == site.a.mac()


def test_when_the_active_is_killed_the_requests_go_on(site):
    start_both(site)

    def kill():
        site.nodes["a"].kill_all()
        site.services["a"].kill()

    probes = site.fault(kill, settle=1.5)
    assert probes.answered_by() == ["a", "b"]
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= DOWN + SLACK
    # no stale owner: the address went with the process that held it
    assert site.holders() == ["b"]
    assert site.client.neighbour(VIP) == site.b.mac()


def test_when_only_main_is_killed_the_guardian_says_so_and_goes(site):
    start_both(site)

    def crash():
        site.nodes["a"].kill_main()
        site.services["a"].kill()

    probes = site.fault(crash)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= SKEW[100] + SLACK
    wait_until(site.nodes["a"].guardian_gone, what="the guardian ends")
    assert site.holders() == ["b"]
    # in the transitions of the survivor: why it moved
    assert site.nodes["b"].router()["transitions"][0]["reason"] == "active_stopped"


def test_a_planned_stop_costs_no_request(site):
    start_both(site)
    probes = site.fault(site.nodes["a"].term)
    assert probes.answered_by() == ["a", "b"]
    assert len(probes.failed) <= 1, probes.failed  # one may be on its way in the moment of the change
    assert site.nodes["a"].main.wait(10) == 0
    wait_until(site.nodes["a"].guardian_gone, what="the guardian ends")
    assert site.holders() == ["b"]


def test_a_planned_stop_without_a_successor_ends_anyway(site):
    site.node("a", Ours, 150, INTERVAL)
    site.wait_holder("a")
    before = time.monotonic()
    site.nodes["a"].term()
    assert site.nodes["a"].main.wait(10) == 0
    assert time.monotonic() - before < (2 * INTERVAL + SLACK) / 1000 + 1
    assert site.holders() == []


def test_the_better_node_takes_the_address_back_without_a_gap(site):
    start_both(site)
    site.nodes["a"].term()
    site.wait_holder("b")
    site.wait_answer("b")
    probes = site.fault(lambda: site.node("a", Ours, 150, INTERVAL), settle=1.5)
    assert probes.last_answer() == "a"
    assert len(probes.failed) <= 1, probes.failed
    assert site.holders() == ["a"]


def test_without_preemption_the_address_stays(site):
    start_both(site, preempt=0)
    site.nodes["a"].term()
    site.wait_holder("b")
    site.node("a", Ours, 150, INTERVAL, preempt=0)
    wait_until(lambda: site.nodes["a"].router()["adverts"]["received"] >= 20, what="twenty adverts heard")
    assert site.holders() == ["b"]
    assert site.nodes["a"].state() == "backup"


def test_a_service_that_fails_moves_the_address(site):
    start_both(site)

    def fail():
        site.nodes["a"].level(0)
        site.services["a"].kill()

    probes = site.fault(fail)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= SKEW[100] + SLACK
    assert site.nodes["a"].router()["priority"] == 1
    assert site.nodes["b"].router()["transitions"][0]["reason"] == "active_degraded"


def test_when_all_services_fail_nobody_moves(site):
    start_both(site)
    site.nodes["b"].level(0)
    wait_until(lambda: site.nodes["b"].router()["priority"] == 1, what="b is at the floor")
    site.nodes["a"].level(0)
    wait_until(lambda: site.nodes["a"].router()["priority"] == 1, what="a is at the floor")
    sent = site.nodes["a"].router()["adverts"]["sent"]
    wait_until(lambda: site.nodes["a"].router()["adverts"]["sent"] >= sent + 10, what="ten more adverts")
    assert site.holders() == ["a"]
    assert site.nodes["b"].router()["transition_count"] == 1


def test_a_main_process_that_hangs_loses_the_address_and_gets_it_back(site):
    start_both(site)
    main = site.nodes["a"].main

    def hang():
        main.send_signal(signal.SIGSTOP)

    probes = site.fault(hang, settle=1.5)
    assert probes.last_answer() == "b"
    main.send_signal(signal.SIGCONT)
    # 3 s of good reports, then a step of 10 a second: over b's 100 after seven steps
    site.wait_holder("a", 30)


def test_a_guardian_that_hangs_and_comes_back_gives_way_at_once(site):
    site.node("a", Ours, 100, INTERVAL)
    site.wait_holder("a")
    site.node("b", Ours, 100, INTERVAL)
    wait_until(lambda: site.nodes["b"].state() == "backup", what="b follows")
    os.kill(site.nodes["a"].guardian, signal.SIGSTOP)
    wait_until(lambda: "b" in site.holders(), what="b takes over")
    assert site.holders() == ["a", "b"]  # nobody can take it from a stopped process
    os.kill(site.nodes["a"].guardian, signal.SIGCONT)
    site.wait_holder("b")  # equal priority: the greater address wins


def test_an_unplugged_active_is_replaced_and_comes_back(site):
    start_both(site)
    probes = site.fault(lambda: site.net.unplug("a"), settle=1.5)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= DOWN + SLACK
    assert site.holders() == ["b"]  # a saw its link go
    # b missed one advert, asked, and did not wait for two more
    assert site.nodes["b"].router()["transitions"][0]["reason"] == "active_unreachable"
    site.net.plug("a")
    site.wait_holder("a")
    site.wait_answer("a")


def test_a_healed_partition_leaves_one_holder_and_the_client_finds_it(site):
    start_both(site)
    site.net.isolate("a")
    wait_until(lambda: site.holders() == ["a", "b"], what="both sides have a holder")
    site.wait_answer("b")
    site.net.rejoin("a")
    site.wait_holder("a")
    site.wait_answer("a")
    assert site.client.neighbour(VIP) == site.a.mac()


def test_unicast_peers_need_no_multicast(site):
    site.node("a", Ours, 150, INTERVAL, peers="10.77.0.1,10.77.0.2")
    site.node("b", Ours, 100, INTERVAL, peers="10.77.0.1,10.77.0.2")
    site.wait_holder("a")
    wait_until(lambda: site.nodes["b"].router()["adverts"]["received"] >= 3, what="b hears a")
    groups = site.client.spawn(["timeout", "0.5", "tcpdump", "-n", "-i", "eth0", "dst", "224.0.0.18"], stdout=-1, stderr=-1)
    out, said = groups.communicate()
    assert b"listening on" in said and b"VRRP" not in out, said
    probes = site.fault(site.nodes["a"].term)
    assert probes.last_answer() == "b"
    assert len(probes.failed) <= 1


def test_a_stranger_is_not_a_unicast_peer(site):
    site.node("b", Ours, 100, INTERVAL, peers="10.77.0.7")
    site.wait_holder("b")
    site.node("a", Ours, 150, INTERVAL, peers="10.77.0.2")
    wait_until(lambda: site.nodes["b"].router()["adverts"]["dropped"].get("peer", 0) >= 3, what="adverts are dropped")
    assert site.nodes["b"].state() == "active"


def test_without_a_tun_device_the_interface_holds_the_address(site):
    start_both(site, tun=0)
    assert site.nodes["a"].router()["held_on"] == "interface"
    assert "is held on eth0 itself" in site.nodes["a"].log()
    probes = site.fault(site.nodes["a"].term)
    assert probes.last_answer() == "b"
    assert len(probes.failed) <= 1
    assert site.holders() == ["b"]


def test_an_address_left_on_the_interface_is_removed_at_the_next_start(site):
    site.node("b", Ours, 100, INTERVAL, tun=0)
    site.wait_holder("b")
    site.nodes["b"].kill_all()
    wait_until(site.nodes["b"].guardian_gone, what="b is dead")
    assert site.holders() == ["b"]  # nobody is left to remove it: this is why a TUN device is better
    site.node("a", Ours, 150, INTERVAL)
    site.wait_answer("a")
    site.node("b", Ours, 100, INTERVAL, tun=0)
    site.wait_holder("a")


def test_arp_ignore_keeps_the_address_off_the_tun_device(site):
    site.a.run("sysctl", "-q", "-w", "net.ipv4.conf.eth0.arp_ignore=1")
    site.node("a", Ours, 150, INTERVAL)
    site.wait_answer("a")
    assert site.nodes["a"].router()["held_on"] == "interface"
    assert "arp_ignore is set" in site.nodes["a"].log()


def test_an_interface_that_comes_later_is_used_when_it_comes(site):
    site.a.run("ip", "link", "set", "eth0", "down")
    site.node("a", Ours, 150, INTERVAL)
    wait_until(lambda: "eth0: is down" in site.nodes["a"].log(), what="it says what is missing")
    assert site.nodes["a"].router()["usable"] is False
    site.a.run("ip", "link", "set", "eth0", "up")
    site.wait_answer("a")


def test_a_killed_guardian_is_told_and_the_other_node_takes_over(site):
    start_both(site)
    os.kill(site.nodes["a"].guardian, signal.SIGKILL)
    site.wait_holder("b")
    wait_until(lambda: site.nodes["a"].state() == "lost", what="main notices")
    assert "guardian is gone" in site.nodes["a"].log()


def test_the_other_checksum_form_is_understood_and_adopted(site):
    site.node("a", Ours, 150, INTERVAL, checksum="rfc9568")
    site.wait_holder("a")
    site.node("b", Ours, 100, INTERVAL)
    wait_until(lambda: site.nodes["b"].router()["checksum"] == "rfc9568", what="the form is learned")
    assert site.nodes["b"].state() == "backup"
    assert site.nodes["b"].router()["adverts"]["dropped"] == {}
    assert site.nodes["a"].router()["checksum"] == "rfc9568"


# Real keepalived as the other node


@needs_keepalived
def test_keepalived_follows_us_and_takes_over_when_we_stop(site):
    start_both(site, Ours, Keepalived)
    assert "MASTER" not in site.nodes["b"].log()
    probes = site.fault(site.nodes["a"].term)
    assert probes.answered_by() == ["a", "b"]
    assert len(probes.failed) <= 1, probes.failed
    assert site.nodes["a"].main.wait(10) == 0
    assert site.holders() == ["b"]


@needs_keepalived
def test_keepalived_takes_over_when_we_are_killed(site):
    start_both(site, Ours, Keepalived)

    def kill():
        site.nodes["a"].kill_all()
        site.services["a"].kill()

    probes = site.fault(kill, settle=1.5)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= DOWN + SLACK
    assert site.holders() == ["b"]


@needs_keepalived
def test_we_follow_keepalived_and_take_over_when_it_stops(site):
    start_both(site, Keepalived, Ours)
    assert site.nodes["b"].router()["adverts"]["dropped"] == {}
    probes = site.fault(site.nodes["a"].term)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= SKEW[100] + SLACK  # keepalived breaks before we make
    assert site.holders() == ["b"]


@needs_keepalived
def test_we_take_over_when_keepalived_is_killed(site):
    start_both(site, Keepalived, Ours)

    def kill():
        site.nodes["a"].kill_all()
        site.services["a"].kill()

    probes = site.fault(kill, settle=1.5)
    assert probes.last_answer() == "b"
    assert probes.outage_ms() <= DOWN + SLACK
    # keepalived's address stays behind; ours is the one that is announced
    assert site.client.neighbour(VIP) == site.b.mac()


@needs_keepalived
def test_keepalived_gives_way_to_a_better_one_of_us(site):
    site.node("a", Keepalived, 100, INTERVAL)
    site.wait_holder("a")
    probes = site.fault(lambda: site.node("b", Ours, 150, INTERVAL), settle=1.5)
    assert probes.last_answer() == "b"
    assert len(probes.failed) <= 1, probes.failed
    assert site.holders() == ["b"]


@needs_keepalived
def test_a_health_drop_moves_the_address_to_keepalived(site):
    start_both(site, Ours, Keepalived)
    probes = site.fault(lambda: site.nodes["a"].level(0), settle=1.5)
    assert probes.last_answer() == "b"
    assert len(probes.failed) <= 1, probes.failed
    assert site.holders() == ["b"]
