// A client of HTTP/2 for tests: nghttp2 on the other end of a socket pair, on the same loop as the server under test.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <vector>

#include "../net/transport_pair.hpp"

namespace genkan::http::test {

using NameValue = std::pair<std::string, std::string>;

class H2Client {
 public:
  struct Answer {
    int status = 0;
    std::vector<int> interim;
    std::map<std::string, std::string> fields, trailers;
    std::string body;
    bool ended = false;
    std::uint32_t error = 0;  // of RST_STREAM
  };

  explicit H2Client(std::unique_ptr<net::Transport> transport) : transport_(std::move(transport)) {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    nghttp2_session_client_new(&session_, c, this);
    nghttp2_session_callbacks_del(c);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    net::spawn(transport_->loop(), read(*this));
  }
  ~H2Client() { nghttp2_session_del(session_); }

  // `content` null: none.
  std::int32_t request(std::vector<NameValue> fields, const std::string* content = nullptr) {
    std::vector<nghttp2_nv> nva;
    for (auto& [name, value] : fields) {
      nva.push_back({reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()),
                     name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider provider{};
    provider.read_callback = read_content;
    const std::int32_t id =
        nghttp2_submit_request(session_, nullptr, nva.data(), nva.size(), content ? &provider : nullptr, nullptr);
    if (content) content_[id] = *content;
    flush();
    return id;
  }
  std::int32_t get(const std::string& path, std::vector<NameValue> more = {}) {
    std::vector<NameValue> fields{{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "a"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return request(std::move(fields));
  }
  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    flush();
  }
  void flush() {
    const std::uint8_t* data = nullptr;
    while (true) {
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n <= 0) break;
      out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    }
    if (!writing_ && !out_.empty()) net::spawn(transport_->loop(), write(*this));
  }

  std::map<std::int32_t, Answer> answers;
  std::vector<std::int32_t> order;  // streams in the order of their DATA frames
  std::vector<std::uint32_t> goaways;
  bool closed = false;
  nghttp2_session* session() noexcept { return session_; }
  net::Transport& transport() noexcept { return *transport_; }

 private:
  static H2Client& of(void* user) { return *static_cast<H2Client*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* name, std::size_t n,
                       const std::uint8_t* value, std::size_t v, std::uint8_t, void* user) {
    Answer& a = of(user).answers[f->hd.stream_id];
    const std::string key(reinterpret_cast<const char*>(name), n), text(reinterpret_cast<const char*>(value), v);
    if (key == ":status") {
      const int status = std::stoi(text);
      if (status < 200) {
        a.interim.push_back(status);
      } else {
        a.status = status;
      }
    } else {
      (a.body.empty() && a.trailers.empty() && f->headers.cat != NGHTTP2_HCAT_HEADERS ? a.fields : a.trailers)[key] =
          text;
    }
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* f, void* user) {
    H2Client& c = of(user);
    if (f->hd.type == NGHTTP2_GOAWAY) c.goaways.push_back(f->goaway.error_code);
    if (f->hd.type == NGHTTP2_DATA) c.order.push_back(f->hd.stream_id);
    const bool ends = f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS;
    if (ends && (f->hd.flags & NGHTTP2_FLAG_END_STREAM)) c.answers[f->hd.stream_id].ended = true;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user) {
    of(user).answers[id].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    of(user).answers[id].error = error;
    of(user).answers[id].ended = true;
    return 0;
  }
  static ssize_t read_content(nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t room,
                              std::uint32_t* flags, nghttp2_data_source*, void* user) {
    std::string& rest = of(user).content_[id];
    const std::size_t n = std::min(room, rest.size());
    rest.copy(reinterpret_cast<char*>(to), n);
    rest.erase(0, n);
    if (rest.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
  static net::Task<void> read(H2Client& c) {
    std::string buffer(65536, '\0');
    for (;;) {
      const auto n = co_await c.transport_->read_some(buffer.data(), buffer.size());
      if (!n || *n == 0) break;
      nghttp2_session_mem_recv(c.session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), *n);
      c.flush();
    }
    c.closed = true;
  }
  static net::Task<void> write(H2Client& c) {
    c.writing_ = true;
    while (!c.out_.empty()) {
      const std::string now = std::exchange(c.out_, {});
      const auto sent = co_await c.transport_->write(now);
      if (!sent) break;
    }
    c.writing_ = false;
  }

  std::unique_ptr<net::Transport> transport_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::string> content_;
  std::string out_;
  bool writing_ = false;
};

}  // namespace genkan::http::test
