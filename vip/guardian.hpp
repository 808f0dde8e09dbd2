// The guardian: a small process of its own that plays VRRP and holds the virtual addresses for the main process. It
// parses nothing but VRRP, has one thread and locked memory, and runs with real-time priority where that is permitted,
// so that neither a crash nor a busy main process decides when adverts go out. The two are joined by a socket pair
// (control.hpp):
//
//   main ── how well I serve (0..100), 20 times a second ──► guardian ── adverts, ARP, the address ──► network
//   main ◄── state, transitions with reasons, counters ───── guardian
//
// The pair's end means that main is gone: priority 0 is sent three times, the addresses go, the guardian exits.
#pragma once

#include "vip/options.hpp"

namespace genkan::vip {

// The guardian's whole life, in the forked child. `control_fd` is its end of the pair; every other descriptor but 0-2
// is closed. Returns the exit status: 0 after a stop or the end of main, 1 when it could not work at all.
int run_guardian(const GuardianOptions& options, int control_fd);

}  // namespace genkan::vip
