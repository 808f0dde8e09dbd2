#include "http/h2/nghttp.hpp"

#include <new>

#include "base/scan.hpp"
#include "http/h1/framing.hpp"

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
