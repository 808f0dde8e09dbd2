// nghttp2's session, owned; and what both sides of ours need around it. The only place that names nghttp2's types
// outside of .cpp files.
#pragma once

#include <nghttp2/nghttp2.h>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "http/fields.hpp"

namespace genkan::http::h2 {

struct OptionFree {
  void operator()(nghttp2_option* o) const noexcept { nghttp2_option_del(o); }
};
using OptionPtr = std::unique_ptr<nghttp2_option, OptionFree>;
OptionPtr make_option();

struct CallbacksFree {
  void operator()(nghttp2_session_callbacks* c) const noexcept { nghttp2_session_callbacks_del(c); }
};
using CallbacksPtr = std::unique_ptr<nghttp2_session_callbacks, CallbacksFree>;
CallbacksPtr make_callbacks();

// RFC 9113 7: the error code for what nghttp2_session_mem_recv returned.
std::uint32_t error_code_of(int nghttp2_error) noexcept;

inline std::string_view view(const std::uint8_t* data, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(data), size};
}

// A header block to send. nghttp2 copies it but for names that are known; values end at the first control character
// that could end a field.
class Block {
 public:
  void clear() noexcept { fields_.clear(); }
  // `name` is in lower case and stays: a literal.
  void add(std::string_view name, std::string_view value);
  // All but what belongs to one HTTP/1 connection only (RFC 9113 8.2.2), and Content-Length, which the caller decides.
  void add(const Fields& fields, bool with_length);
  void add_trailers(const Fields& fields);  // without those that may not be trailers
  const nghttp2_nv* data() const noexcept { return fields_.data(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  void add(std::string_view name, std::string_view value, std::uint8_t flags);
  void add(FieldId id, std::string_view name, std::string_view value);
  std::vector<nghttp2_nv> fields_;
};

// Wakes one waiter, through a list that the connection runs when nghttp2 is not at work: nothing is resumed inside a
// callback. An early notify is remembered.
using ReadyList = std::vector<std::coroutine_handle<>>;
class Signal {
 public:
  explicit Signal(ReadyList& ready) : ready_(ready) {}
  void notify() {
    if (waiter_) {
      ready_.push_back(std::exchange(waiter_, nullptr));
    } else {
      set_ = true;
    }
  }
  void reset() noexcept { set_ = false; }
  bool waiting() const noexcept { return waiter_ != nullptr; }
  bool await_ready() const noexcept { return set_; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiter_ = h; }
  void await_resume() noexcept { set_ = false; }

 private:
  ReadyList& ready_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

}  // namespace genkan::http::h2
