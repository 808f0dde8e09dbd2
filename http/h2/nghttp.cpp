#include "http/h2/nghttp.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/scan.hpp"
#include "http/h1/framing.hpp"
#include "net/frames.hpp"

namespace genkan::http::h2 {

OptionPtr make_option() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  return OptionPtr(option);
}

CallbacksPtr make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  return CallbacksPtr(callbacks);
}

namespace {

// A word before each piece says how large it is.
constexpr std::size_t kBefore = sizeof(std::size_t);

void* take(std::size_t size, void*) noexcept {
  auto* at = static_cast<char*>(net::detail::allocate_frame(size + kBefore));
  std::memcpy(at, &size, kBefore);
  return at + kBefore;
}

void give(void* piece, void*) {
  if (!piece) return;
  char* at = static_cast<char*>(piece) - kBefore;
  std::size_t size = 0;
  std::memcpy(&size, at, kBefore);
  net::detail::free_frame(at, size + kBefore);
}

void* take_zeroed(std::size_t count, std::size_t size, void*) {
  void* piece = take(count * size, nullptr);
  std::memset(piece, 0, count * size);
  return piece;
}

void* take_again(void* piece, std::size_t size, void*) {
  std::size_t before = 0;
  if (piece) std::memcpy(&before, static_cast<char*>(piece) - kBefore, kBefore);
  void* other = take(size, nullptr);
  if (piece) std::memcpy(other, piece, std::min(before, size));
  give(piece, nullptr);
  return other;
}

}  // namespace

nghttp2_mem* session_memory() noexcept {
  static nghttp2_mem all{nullptr, take, give, take_zeroed, take_again};
  return &all;
}

std::uint32_t error_code_of(int error) noexcept {
  switch (error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
    case NGHTTP2_ERR_PROTO:
      return NGHTTP2_PROTOCOL_ERROR;
    case NGHTTP2_ERR_FLOODED:
      return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_FLOW_CONTROL:
      return NGHTTP2_FLOW_CONTROL_ERROR;
    case NGHTTP2_ERR_FRAME_SIZE_ERROR:
      return NGHTTP2_FRAME_SIZE_ERROR;
    case NGHTTP2_ERR_HEADER_COMP:
      return NGHTTP2_COMPRESSION_ERROR;
    default:
      return NGHTTP2_INTERNAL_ERROR;
  }
}

void Block::add(std::string_view name, std::string_view value) {
  const char* bad = base::find_line_byte(value.data(), value.data() + value.size());
  add(name, value.substr(0, static_cast<std::size_t>(bad - value.data())), NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

// Values of Fields hold nothing that could end a field: whoever fills those sees to it.
void Block::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), flags});
}

void Block::add(FieldId id, std::string_view name, std::string_view value) {
  if (id == FieldId::other) {
    add(name, value, NGHTTP2_NV_FLAG_NONE);
  } else {
    add(lower_field_name(id), value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
}

void Block::add(const Fields& fields, bool with_length) {
  fields.each([&](std::string_view name, std::string_view value, FieldId id) {
    switch (id) {
      case FieldId::connection:
      case FieldId::keep_alive:
      case FieldId::proxy_connection:
      case FieldId::transfer_encoding:
      case FieldId::upgrade:
      case FieldId::host:
        return;
      case FieldId::content_length:
        if (!with_length) return;
        break;
      default:
        break;
    }
    add(id, name, value);
  });
}

void Block::add_trailers(const Fields& fields) {
  fields.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (!h1::forbidden_in_trailers(name)) add(id, name, value);
  });
}

}  // namespace genkan::http::h2
