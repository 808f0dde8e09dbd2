#include "proxy/compress.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "net/block.hpp"
#include "proxy/browser_fields.hpp"
#include "proxy/encoder.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::size_t kEnough = 16 * 1024;  // compressed bytes that are worth sending

class CompressedBody final : public http::Body {
 public:
  CompressedBody(http::BodyPtr inner, std::unique_ptr<Encoder> encoder)
      : inner_(std::move(inner)), encoder_(std::move(encoder)), held_(encoder_->memory()) {}

  bool poll(Result<http::Chunk>& out) override {
    buffer_.clear();
    const bool done = advance(out);
    held_.set(encoder_->memory() + buffer_.capacity());
    return done;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    Result<http::Chunk> out = http::Chunk{};
    buffer_.clear();
    for (;;) {
      const auto in = co_await inner_->fetch();
      const bool done = take(in, out) || advance(out);
      held_.set(encoder_->memory() + buffer_.capacity());
      if (done) co_return out;
    }
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }
  const http::Fields* trailers() const override { return inner_->trailers(); }

 private:
  // One piece from inside. True: `out` is to be handed on.
  bool take(const Result<http::Chunk>& in, Result<http::Chunk>& out) {
    if (!in) {
      out = in.error();
      return true;
    }
    const auto then = in->last ? Encoder::Then::finish : Encoder::Then::go_on;
    if (!encoder_->encode(in->data, then, buffer_)) {
      out = Errc::exhausted;
      return true;
    }
    dirty_ = true;
    if (!in->last && buffer_.size() < kEnough) return false;
    out = http::Chunk{buffer_, in->last};
    return true;
  }
  // All that is at hand inside. False: nothing came of it, somebody must wait.
  bool advance(Result<http::Chunk>& out) {
    for (;;) {
      Result<http::Chunk> in = http::Chunk{};
      if (!inner_->poll(in)) break;
      if (take(in, out)) return true;
    }
    if (!std::exchange(dirty_, false)) return false;
    if (!encoder_->encode({}, Encoder::Then::flush, buffer_)) {
      out = Errc::exhausted;
      return true;
    }
    if (buffer_.empty()) return false;
    out = http::Chunk{buffer_, false};
    return true;
  }

  http::BodyPtr inner_;
  std::unique_ptr<Encoder> encoder_;
  std::string buffer_;
  net::HeldBytes held_;
  bool dirty_ = false;  // something went in since the last flush
};

bool may_have_content(int status) noexcept {
  return status >= 200 && status != 204 && status != 205 && status != 206 && status != 304;
}

}  // namespace

CompressLayer::CompressLayer(HandlerPtr next, const conf::Compression& settings)
    : Layer(std::move(next)),
      types_(settings.types),
      min_size_(settings.min_size),
      level_(static_cast<int>(settings.level)),
      secrets_(settings.secrets) {
  for (const auto& name : settings.encodings) {
    codings_.push_back(name == "br" ? Coding::br : name == "zstd" ? Coding::zstd : Coding::gzip);
  }
}

bool CompressLayer::suits(const http::Request& r, const http::Response& response) const {
  const http::ResponseHead& head = *response.head;
  const http::Fields& fields = head.fields;
  if (!may_have_content(head.status) || fields.has(FieldId::content_encoding) || fields.has(FieldId::content_range))
    return false;
  const auto type = fields.get(FieldId::content_type);
  if (!type || std::none_of(types_.begin(), types_.end(), [&](const auto& t) { return type_matches(t, *type); }))
    return false;
  std::optional<std::uint64_t> length = base::parse_uint(fields.get(FieldId::content_length).value_or(""));
  if (!length && response.body && r.method != http::Method::head) length = response.body->length();
  if (length ? *length < min_size_ : !response.body) return false;
  bool transform = true;
  fields.each_element(FieldId::cache_control,
                      [&](std::string_view item) { transform = transform && !base::iequals(item, "no-transform"); });
  return transform && (secrets_ || !may_hold_secrets(r.fields, head));
}

net::Task<Result<http::Response>> CompressLayer::handle(http::Request& r) {
  const Coding coding = negotiate(r.fields.joined(FieldId::accept_encoding), codings_);
  auto response = co_await next_->handle(r);
  if (!response || !suits(r, *response)) co_return std::move(response);
  http::Fields& fields = response->head->fields;
  add_vary(fields, "Accept-Encoding");
  if (coding == Coding::identity) co_return std::move(response);
  std::unique_ptr<Encoder> encoder;
  if (response->body) {
    encoder = make_encoder(coding, level_);
    if (!encoder) co_return std::move(response);
    http::BodyPtr inner = std::move(response->body);
    response->body.reset(new CompressedBody(std::move(inner), std::move(encoder)));
  }
  fields.set(FieldId::content_encoding, coding_name(coding));
  fields.remove(FieldId::content_length);
  fields.remove("Accept-Ranges");
  const std::string etag(fields.get(FieldId::etag).value_or(""));
  if (etag.starts_with('"')) fields.set(FieldId::etag, "W/" + etag);
  co_return std::move(response);
}

}  // namespace genkan::proxy
