#include "http/h2/gate.hpp"

#include <algorithm>
#include <cstring>

namespace genkan::http::h2 {
namespace {

// RFC 9113 6 and 7, RFC 9218 7.1.
enum Type : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  ping = 6,
  window_update = 8,
  continuation = 9,
  priority_update = 16
};
constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8;
constexpr std::uint32_t kProtocolError = 1, kStreamClosed = 5, kEnhanceYourCalm = 11;
constexpr std::size_t kMaxPadding = 256;

}  // namespace

std::string_view flood_name(Flood kind) noexcept {
  switch (kind) {
    case Flood::reset:
      return "reset";
    case Flood::made_reset:
      return "made_reset";
    case Flood::continuation:
      return "continuation";
    case Flood::settings:
      return "settings";
    case Flood::ping:
      return "ping";
    case Flood::empty:
      return "empty";
    case Flood::window:
      return "window";
    case Flood::priority:
      return "priority";
    default:
      return "none";
  }
}

bool FloodBudget::take(int tokens, Time now) noexcept {
  if (filled_ == Time{}) filled_ = now;
  constexpr Duration kStep = Duration(std::chrono::seconds(1)) / kPerSecond;
  if (const auto steps = (now - filled_) / kStep; steps > 0) {
    give(static_cast<int>(std::min<std::int64_t>(steps, kCapacity)));
    filled_ += steps * kStep;
  }
  left_ -= tokens;
  return left_ >= 0;
}

std::size_t FrameGate::look(std::string_view in, Time now) {
  std::size_t at = 0;
  if (error_) return 0;
  if (preface_left_) {
    const std::size_t n = std::min(preface_left_, in.size());
    preface_left_ -= n;
    at = n;
  }
  while (at < in.size()) {
    if (payload_left_) {
      const std::size_t n = std::min(payload_left_, in.size() - at);
      payload_left_ -= n;
      if (dependency_left_ && !judge_dependency(in.substr(at, n))) return at;
      at += n;
      continue;
    }
    const std::size_t begin = at;
    const std::size_t n = std::min(header_.size() - header_size_, in.size() - at);
    std::memcpy(header_.data() + header_size_, in.data() + at, n);
    header_size_ += n;
    at += n;
    if (header_size_ < header_.size()) break;
    header_size_ = 0;
    const auto& b = header_;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(b[i]); };
    const Header h{byte(0) << 16 | byte(1) << 8 | byte(2),
                   (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffffu, b[3], b[4]};
    if (!judge(h, now)) return begin;
    payload_left_ = h.length;
  }
  return at;
}

bool FrameGate::judge(const Header& h, Time now) {
  if (block_stream_ && (h.type != continuation || h.id != block_stream_)) return true;  // nghttp2 ends it
  switch (h.type) {
    case headers:
      return judge_headers(h);
    case data:
      return judge_data(h, now);
    case continuation:
      return judge_continuation(h, now);
    case rst_stream:
      close(h.id);
      return charge(Flood::reset, 1, now);
    case settings:
      return (h.flags & kAck) || charge(Flood::settings, 10, now);
    case ping:
      return (h.flags & kAck) || charge(Flood::ping, 1, now);
    case window_update:
      if (windows_due_ > 0) {
        --windows_due_;
        return true;
      }
      return charge(Flood::window, 1, now);
    case priority:
      if (h.id == 0) return fail(kProtocolError);
      if (h.length == 5) dependency_left_ = 4, dependency_ = 0, dependent_ = h.id;
      return charge(Flood::priority, 1, now);
    case priority_update:
      return charge(Flood::priority, 1, now);
    default:
      return charge(Flood::empty, 1, now);  // unknown types: to be ignored, and so to be paid for
  }
}

bool FrameGate::judge_headers(const Header& h) {
  if (!(h.flags & kEndHeaders)) {
    block_stream_ = h.id;
    block_size_ = h.length;
  }
  if (h.id == 0 || h.id % 2 == 0) return true;  // nghttp2 knows
  if (h.id > last_) {
    last_ = h.id;
    used_.note(h.id);
    if (h.flags & kEndStream) return true;
    if (open_.size() >= kMaxOpen) {
      forgive(open_.front());
    }
    open_.push_back(h.id);
    return true;
  }
  if (is_open(h.id)) {  // trailers
    if (h.flags & kEndStream) close(h.id);
    return true;
  }
  if (forgiven(h.id)) return true;
  return fail(was_used(h.id) ? kStreamClosed : kProtocolError);
}

bool FrameGate::judge_data(const Header& h, Time now) {
  const bool end = h.flags & kEndStream;
  if (h.id != 0 && h.id <= last_ && !forgiven(h.id)) {
    if (!is_open(h.id)) return fail(kStreamClosed);
    if (end) close(h.id);
  }
  const bool empty = h.length == 0 || ((h.flags & kPadded) && h.length <= kMaxPadding);
  if (empty && !end) return charge(Flood::empty, 1, now);
  if (h.length >= kUseful) budget_.give(1);  // less is paid for by nothing: or each reset could be bought with an octet
  return true;
}

// A block in many pieces costs us memory until it is whole, and work for each piece.
bool FrameGate::judge_continuation(const Header& h, Time now) {
  block_size_ += h.length;
  if (h.flags & kEndHeaders) block_stream_ = 0;
  if (block_size_ > max_block_) {
    flood_ = Flood::continuation;
    return fail(kEnhanceYourCalm);
  }
  return charge(Flood::continuation, h.length < 1024 ? 20 : 1, now);
}

// RFC 7540 5.3.1: a stream can't depend on itself. Priorities of that kind are ignored otherwise (RFC 9113 5.3.2).
bool FrameGate::judge_dependency(std::string_view payload) {
  for (const char c : payload.substr(0, dependency_left_)) {
    dependency_ = dependency_ << 8 | static_cast<unsigned char>(c);
    --dependency_left_;
  }
  return dependency_left_ > 0 || (dependency_ & 0x7fffffffu) != dependent_ || fail(kProtocolError);
}

bool FrameGate::charge(Flood kind, int tokens, Time now) noexcept {
  if (budget_.take(tokens, now)) return true;
  flood_ = kind;
  return fail(kEnhanceYourCalm);
}

bool FrameGate::made_reset(Time now) noexcept { return charge(Flood::made_reset, 1, now); }

bool FrameGate::fail(std::uint32_t code) noexcept {
  if (!error_) error_ = code;
  return false;
}

bool FrameGate::is_open(std::uint32_t id) const noexcept { return std::binary_search(open_.begin(), open_.end(), id); }

void FrameGate::close(std::uint32_t id) noexcept {
  const auto found = std::lower_bound(open_.begin(), open_.end(), id);
  if (found != open_.end() && *found == id) open_.erase(found);
}

void FrameGate::forgive(std::uint32_t id) {
  if (!is_open(id)) return;
  close(id);
  forgiven_.note(id);
}

bool FrameGate::forgiven(std::uint32_t id) const noexcept { return forgiven_.has(id); }

bool FrameGate::was_used(std::uint32_t id) const noexcept {
  return id < used_.oldest() || used_.has(id);  // older than what is remembered: most likely used
}

void FrameGate::Recent::note(std::uint32_t id) {
  if (ids.size() < kMost) {
    ids.push_back(id);
  } else {
    ids[at % kMost] = id;
  }
  ++at;
}

bool FrameGate::Recent::has(std::uint32_t id) const noexcept {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void FrameGate::trim() {
  open_.shrink_to_fit();
  used_.ids.shrink_to_fit();
  forgiven_.ids.shrink_to_fit();
}

}  // namespace genkan::http::h2
