// Looks at frame headers before nghttp2 gets them. Two things need that:
//  - RFC 9113 5.1 and 5.1.1: nghttp2 forgets a stream once it is closed and then ignores what still comes for it. Here
//    it is remembered which streams the peer itself ended; a frame for one of those is an error of the connection.
//  - floods: frames that cost us work and carry nothing take from a budget that time and useful work fill again. Who
//    empties it is sent away (GOAWAY, ENHANCE_YOUR_CALM).
// Pure: bytes and the time in, a verdict out.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace genkan::http::h2 {

enum class Flood : std::uint8_t {
  none,
  reset,
  made_reset,
  continuation,
  settings,
  ping,
  empty,
  window,
  priority,
  count_
};
std::string_view flood_name(Flood kind) noexcept;

// Tokens: one for each frame that carries nothing; they come back with time and with every useful frame.
class FloodBudget {
 public:
  static constexpr int kCapacity = 1000;
  static constexpr int kPerSecond = 100;

  bool take(int tokens, Time now) noexcept;  // false: none are left
  void give(int tokens) noexcept { left_ = left_ + tokens > kCapacity ? kCapacity : left_ + tokens; }
  int left() const noexcept { return left_; }

 private:
  int left_ = kCapacity;
  Time filled_{};
};

// One connection, as a server sees it.
class FrameGate {
 public:
  // `max_head`: header blocks over twice this are a flood.
  explicit FrameGate(std::size_t max_head) : max_block_(2 * max_head + 4096) {}

  // How many leading bytes of `in` may go on to nghttp2. Fewer than in.size(): error() is set, and nothing that comes
  // later counts.
  std::size_t look(std::string_view in, Time now);
  std::uint32_t error() const noexcept { return error_; }  // RFC 9113 7; 0: none
  Flood flood() const noexcept { return flood_; }

  // We reset this stream: what the peer sent before it heard of that is not its fault.
  void forgive(std::uint32_t id);
  // We had to send a RST_STREAM for something that the peer did (MadeYouReset). False: too often.
  bool made_reset(Time now) noexcept;
  // Something useful was sent or done.
  void useful(int tokens) noexcept { budget_.give(tokens); }
  // Content was sent, for which the peer may open its two windows again, however little it was.
  void content_sent() noexcept { windows_due_ = windows_due_ > kMaxWindowsDue ? windows_due_ : windows_due_ + 2; }
  bool in_header_block() const noexcept { return block_stream_ != 0; }
  std::uint32_t last_stream() const noexcept { return last_; }
  void trim();  // gives back room that is not used

 private:
  struct Header {
    std::uint32_t length, id;
    std::uint8_t type, flags;
  };
  bool judge(const Header& h, Time now);
  bool judge_headers(const Header& h);
  bool judge_data(const Header& h, Time now);
  bool judge_continuation(const Header& h, Time now);
  bool judge_dependency(std::string_view payload);
  bool charge(Flood kind, int tokens, Time now) noexcept;
  bool fail(std::uint32_t code) noexcept;
  bool is_open(std::uint32_t id) const noexcept;
  void close(std::uint32_t id) noexcept;
  bool forgiven(std::uint32_t id) const noexcept;
  bool was_used(std::uint32_t id) const noexcept;

  // The last ones of many streams.
  struct Recent {
    static constexpr std::size_t kMost = 128;
    std::vector<std::uint32_t> ids;
    std::size_t at = 0;  // ever noted
    void note(std::uint32_t id);
    bool has(std::uint32_t id) const noexcept;
    std::uint32_t oldest() const noexcept { return at > kMost ? ids[at % kMost] : 0; }  // 0: all are there
  };

  static constexpr std::size_t kMaxOpen = 1024;
  static constexpr int kMaxWindowsDue = 4096;
  static constexpr std::uint32_t kUseful = 512;  // content of a frame that is worth a token

  std::size_t preface_left_ = 24;
  std::array<unsigned char, 9> header_{};
  std::size_t header_size_ = 0;
  std::size_t payload_left_ = 0;

  std::uint32_t last_ = 0;           // the highest stream that the peer opened
  std::vector<std::uint32_t> open_;  // those that it has not ended, ascending
  Recent forgiven_, used_;
  std::size_t dependency_left_ = 0;  // bytes of a PRIORITY frame's dependency still to come
  std::uint32_t dependency_ = 0, dependent_ = 0;
  std::uint32_t block_stream_ = 0;  // its header block goes on in CONTINUATION
  std::size_t block_size_ = 0, max_block_;

  FloodBudget budget_;
  int windows_due_ = 0;  // WINDOW_UPDATEs that answer content of ours, and cost nothing
  std::uint32_t error_ = 0;
  Flood flood_ = Flood::none;
};

}  // namespace genkan::http::h2
