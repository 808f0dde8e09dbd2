// What main and guardian say to each other over a SOCK_SEQPACKET pair: fixed messages, one per packet, in the byte
// order of the machine (both ends are the same program). A packet of a wrong size, magic or version is ignored. Neither
// end ever waits for the other; losing a message costs only freshness, except Transition, which the guardian keeps and
// sends again.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "vip/machine.hpp"
#include "vip/packet.hpp"

namespace genkan::vip {

constexpr std::uint32_t kControlMagic = 0x474B5650;  // GKVP
constexpr std::uint16_t kControlVersion = 1;

enum class Kind : std::uint16_t { level = 1, stop = 2, started = 16, router = 17, transition = 18, note = 19 };

struct Envelope {
  std::uint32_t magic = kControlMagic;
  std::uint16_t version = kControlVersion;
  Kind kind = Kind::level;
};

// main -> guardian
struct LevelMessage {
  static constexpr Kind kKind = Kind::level;
  Envelope head{.kind = kKind};
  std::int32_t level = 0;  // 0..100
};
struct StopMessage {
  static constexpr Kind kKind = Kind::stop;
  Envelope head{.kind = kKind};
  std::int32_t reserved = 0;
};

// guardian -> main
struct StartedMessage {
  static constexpr Kind kKind = Kind::started;
  Envelope head{.kind = kKind};
  std::uint8_t realtime = 0;
  std::uint8_t locked = 0;
  std::uint16_t reserved = 0;
};
struct RouterMessage {
  static constexpr Kind kKind = Kind::router;
  Envelope head{.kind = kKind};
  std::uint16_t index = 0;  // in GuardianOptions::routers
  State state = State::init;
  std::uint8_t priority = 0;
  std::uint8_t on_tun = 0;
  std::uint8_t usable = 0;  // the interface is up and the sockets are open
  ChecksumForm checksum = ChecksumForm::pseudo_header;
  std::uint8_t active_priority = 0;
  std::uint16_t active_interval = 0;
  std::array<std::uint8_t, 6> reserved{};
  std::array<std::uint8_t, 16> active_peer{};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t send_errors = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};
};
struct TransitionMessage {
  static constexpr Kind kKind = Kind::transition;
  Envelope head{.kind = kKind};
  std::uint16_t index = 0;
  State from = State::init;
  State to = State::init;
  Reason reason = Reason::started;
  std::array<std::uint8_t, 3> reserved{};
  std::int64_t wall_ns = 0;  // since 1970
};
struct NoteMessage {
  static constexpr Kind kKind = Kind::note;
  Envelope head{.kind = kKind};
  std::uint16_t index = 0xFFFF;  // 0xFFFF: the guardian itself
  std::uint8_t level = 0;        // base::Level
  std::uint8_t length = 0;
  std::array<char, 240> text{};
};
constexpr std::size_t kMaxMessage = 512;

template <class M>
std::span<const std::uint8_t> bytes_of(const M& message) noexcept {
  static_assert(std::is_trivially_copyable_v<M> && sizeof(M) <= kMaxMessage);
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof(M)};
}

inline std::optional<Kind> kind_of(std::span<const std::uint8_t> packet) noexcept {
  Envelope head;
  if (packet.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, packet.data(), sizeof head);
  if (head.magic != kControlMagic || head.version != kControlVersion) return std::nullopt;
  return head.kind;
}

template <class M>
std::optional<M> read_as(std::span<const std::uint8_t> packet) noexcept {
  M message;
  if (packet.size() != sizeof(M) || kind_of(packet) != M::kKind) return std::nullopt;
  std::memcpy(&message, packet.data(), sizeof message);
  return message;
}

NoteMessage make_note(std::uint16_t index, std::uint8_t level, std::string_view text) noexcept;

}  // namespace genkan::vip
