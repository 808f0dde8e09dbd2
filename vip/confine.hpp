// What a freshly forked guardian does to itself: keeps one descriptor, gives up what it does not need, takes real-time
// priority and locks its memory. Everything is best effort; the answer says what was permitted.
#pragma once

namespace genkan::vip {

struct Confinement {
  bool realtime = false;
  bool locked = false;
};

// Closes every descriptor but 0-2 and `fd`, which gets a new number: the answer, or -1.
int keep_only(int fd) noexcept;

// Names the process, ignores the signals meant for main (a service manager and a terminal send them to the whole group;
// the guardian acts on the end of the pair instead), keeps only CAP_NET_RAW and CAP_NET_ADMIN.
Confinement confine(bool realtime) noexcept;

}  // namespace genkan::vip
