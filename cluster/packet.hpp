// The envelope of everything that nodes say to each other: one UDP datagram, versioned, keyed, fresh.
//
//    0  'G' 'K'            magic
//    2  version (1)        another version is refused: the MAC could not be trusted to cover the same bytes
//    3  kind               1 = load record (cluster/stats.hpp)
//    4  key id, 32 bits    which shared key; first bytes of SHA-256, so that a wrong key can be told from a forgery
//    8  boot id, 64 bits   microseconds since 1970 when the sender's channel started: later boots compare greater
//   16  counter, 64 bits   1, 2, 3 ... within the boot
//   24  sent, 64 bits      the sender's wall clock, milliseconds since 1970
//   32  name length, 8 bits; name (1..64 bytes of [A-Za-z0-9._-])
//    …  payload            made of fields: type 8 bits, length 16 bits, value (all numbers big-endian)
//  end  MAC, 128 bits      HMAC-SHA256 over all bytes before it, truncated to 16 bytes (RFC 2104, section 5)
//
// Why nobody can replay:
// - while we run, a node's (boot, counter) must grow; equal is the same datagram heard twice (multicast and unicast);
// - after our own restart we know no counters, but `sent` must lie within kClockWindow of our wall clock, so that what
//   an eavesdropper can still pass off is at most that old, and only until the true sender's next datagram raises the
//   counter (a node that is dead looks alive for at most the window longer). It also bounds how long a counter must be
//   remembered: a node that was silent for twice the window may be forgotten;
// - after the sender's restart its boot id is later. A sender whose wall clock was set draws a new boot id
//   (cluster/channel.cpp); a boot id after `sent` is refused, so a false one from the future can't lock a name for
//   long.
// The name and the payload are inside the MAC. Nodes need clocks within the window of each other: run NTP.
// Nothing is secret but the key: the content is not encrypted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace genkan::cluster {

constexpr std::size_t kMaxDatagram = 1200;  // fits every path MTU without fragments
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kMaxName = 64;
constexpr std::chrono::seconds kClockWindow{30};

enum class Kind : std::uint8_t { load = 1 };

// Why a datagram was not taken. Each is counted under its name; none is an exception.
enum class Refusal : std::uint8_t {
  none,
  too_short,    // ends before its own lengths say
  too_long,     // more than kMaxDatagram
  foreign,      // not ours: wrong magic
  version,      // a version that we do not speak
  unknown_key,  // made with a key that we do not have
  bad_mac,      // our key id, but the MAC does not fit: forged or damaged
  bad_name,     // the name breaks the rule above
  clock,        // the sender's clock is too far from ours, or it is an old recording
  old_boot,     // from before the node's last restart
  replayed,     // a counter that was passed already
  duplicate,    // the datagram heard last, once more: normal where multicast and unicast reach us both
  own,          // our own name: normal on a multicast loop; with another boot id two nodes share one name
  same_name,    // our name with another boot id
  kind,         // a kind that we do not know: from a newer Genkan
  malformed,    // a field of the payload breaks its rule
  full,         // more nodes than we keep
};
constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::full) + 1;
std::string_view name_of(Refusal refusal) noexcept;
bool is_normal(Refusal refusal) noexcept;  // happens in a healthy cluster: counted, not logged

// The shared key. Immutable, thread-safe.
class Key {
 public:
  explicit Key(std::string_view secret);
  std::uint32_t id() const noexcept { return id_; }
  std::array<std::uint8_t, kMacBytes> mac(std::string_view bytes) const;

 private:
  std::string secret_;  // derived from the configured one, so that a MAC of one use is never valid in another
  std::uint32_t id_;
};

struct Envelope {
  Kind kind = Kind::load;
  std::uint64_t boot = 0;
  std::uint64_t counter = 0;
  std::int64_t sent_ms = 0;
  std::string_view name;     // points into the datagram
  std::string_view payload;  // points into the datagram
};

// Empty when the name is invalid or the whole would be longer than kMaxDatagram.
std::string seal(const Envelope& envelope, const Key& key);

// Checks form and MAC, not freshness. The first key is the one we sign with; further ones are accepted (rotation).
Refusal open_envelope(std::string_view datagram, std::span<const Key> keys, Envelope& out);

bool valid_node_name(std::string_view name) noexcept;

// What is remembered of one sender.
struct Freshness {
  std::uint64_t boot = 0;
  std::uint64_t counter = 0;
};

// Pure: is this datagram new? On `none` the state has moved on.
Refusal check_fresh(Freshness& state, const Envelope& envelope, WallTime now);

// Writes and reads the payload's fields. Numbers take as few bytes as they need.
class FieldWriter {
 public:
  void number(std::uint8_t type, std::uint64_t value);
  void text(std::uint8_t type, std::string_view value);
  const std::string& bytes() const noexcept { return bytes_; }

 private:
  void head(std::uint8_t type, std::size_t length);
  std::string bytes_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  // False at the end or at a broken field; then ok() tells which.
  bool next(std::uint8_t& type, std::string_view& value);
  bool ok() const noexcept { return ok_; }
  // False when longer than eight bytes.
  static bool number(std::string_view value, std::uint64_t& out) noexcept;

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace genkan::cluster
