#include "proxy/tls_layer.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "conf/client_fact.hpp"
#include "net/tls_stream.hpp"

namespace genkan::proxy {
namespace {

// CGI and its heirs make HTTP_X_Y of X-Y and of X_Y.
char folded(char c) noexcept { return c == '_' ? '-' : base::lower(c); }

bool same_name(std::string_view sent, std::string_view name) noexcept {
  return sent.size() == name.size() &&
         std::equal(sent.begin(), sent.end(), name.begin(), [](char a, char b) { return folded(a) == b; });
}

// What a backend may take for the fields of Forward.
constexpr std::array<std::string_view, 3> kLookAlikes{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"};

}  // namespace

// Content of a request whose trailers claim nothing.
class TlsLayer::Content final : public http::Body {
 public:
  Content(http::Body& inner, const TlsLayer& layer) : inner_(inner), layer_(layer) {}
  bool poll(Result<http::Chunk>& out) override { return inner_.poll(out); }
  net::Task<Result<http::Chunk>> fetch() override { return inner_.fetch(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields* trailers() const override {
    const http::Fields* sent = inner_.trailers();
    if (!sent) return nullptr;
    trailers_ = *sent;
    layer_.remove_claims(trailers_);
    return trailers_.size() > 0 ? &trailers_ : nullptr;
  }
  void release() noexcept override {}

 private:
  http::Body& inner_;
  const TlsLayer& layer_;
  mutable http::Fields trailers_;
};

TlsLayerMetrics::TlsLayerMetrics(base::Metrics& m)
    : early_served(m.counter("genkan_http_early_data_total", "Requests in early data (0-RTT)", {{"answer", "served"}})),
      early_refused(m.counter("genkan_http_early_data_total", "Requests in early data (0-RTT)", {{"answer", "425"}})),
      misdirected(m.counter("genkan_http_misdirected_total",
                            "Requests answered 421: their host's clients must show a certificate, and this "
                            "connection was not asked for one")) {}

TlsLayer::TlsLayer(HandlerPtr next, const std::vector<std::string>& client_fields, TlsLayerMetrics& metrics)
    : Layer(std::move(next)), names_{"client-cert", "client-cert-chain"}, metrics_(metrics) {
  for (const auto& rule : client_fields) {
    const auto field = conf::parse_client_field(rule);
    if (!field) continue;  // the check of the configuration saw to that
    std::string name(field->name);
    std::transform(name.begin(), name.end(), name.begin(), folded);
    names_.push_back(std::move(name));
  }
  for (const auto& name : kLookAlikes) sizes_ |= 1ull << (name.size() & 63);
  for (const auto& name : names_) sizes_ |= 1ull << (name.size() & 63);
}

void TlsLayer::remove_claims(http::Fields& fields) const noexcept {
  for (std::size_t i = 0; i < fields.entries(); ++i) {
    const auto sent = fields.name(i);
    if ((sizes_ >> (sent.size() & 63) & 1) == 0) continue;
    for (const auto& name : names_) {
      if (same_name(sent, name)) fields.remove_at(i);
    }
    if (sent.find('_') == std::string_view::npos) continue;
    for (const auto name : kLookAlikes) {
      if (same_name(sent, name)) fields.remove_at(i);
    }
  }
}

net::Task<Result<http::Response>> TlsLayer::handle(http::Request& r) {
  remove_claims(r.fields);
  // Content of HTTP/1.1 whose length is known has no trailers.
  if (r.body && (!r.body->length() || r.protocol == "HTTP/2.0")) {
    r.body = &keep_with(r, std::make_unique<Content>(*r.body, *this));
  }
  if (!r.tls) return next_->handle(r);
  if (r.tls->early()) {
    const bool harmless =
        r.method == http::Method::get || r.method == http::Method::head || r.method == http::Method::options;
    if (!harmless || r.body || r.tunnel) {
      metrics_.early_refused.add();
      return refuse(r, 425);
    }
    metrics_.early_served.add();
    r.early_data = true;
    r.fields.set("Early-Data", "1");
  }
  if (!r.tls->fits(r.host)) {
    metrics_.misdirected.add();
    return refuse(r, 421);
  }
  return next_->handle(r);
}

net::Task<Result<http::Response>> TlsLayer::refuse(http::Request& r, int status) {
  co_return http::error_page(r, status,
                             status == 425 ? "Please send this once more, when the connection stands."
                                           : "This connection is not for that host. Please open another one.");
}

}  // namespace genkan::proxy
