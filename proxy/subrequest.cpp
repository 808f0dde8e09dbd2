#include "proxy/subrequest.hpp"

#include "net/loop.hpp"

namespace genkan::proxy {

Subrequest::Subrequest(const http::Request& o)
    : request_(o.loop),
      client_text_(o.client_text),
      method_(o.method_text),
      path_(o.path),
      query_(o.query),
      host_(o.host),
      authority_(o.authority),
      scheme_(o.scheme),
      route_(o.route) {
  if (o.client) client_ = *o.client;
  if (o.local) local_ = *o.local;
  http::Request& r = request_;
  r.method = o.method;
  r.method_text = method_;
  r.host = host_;
  r.authority = authority_;
  r.scheme = scheme_;
  r.route = route_;
  r.minor_version = 1;
  r.protocol = "HTTP/1.1";
  r.fields = o.fields;  // with its own text
  r.fields.remove(http::FieldId::expect);
  r.fields.remove(http::FieldId::content_length);
  r.fields.remove(http::FieldId::transfer_encoding);
  r.client = &client_;
  r.client_text = client_text_;
  r.local = &local_;
  r.started = Clock::now();
  r.started_wall = WallClock::now();
  r.keep_alive = o.keep_alive;
  r.informer = this;
  set_target(path_, query_, o.has_query);
  own_bytes_ = sizeof *this + 2 * (path_.size() + query_.size());
  r.fields.each([&](std::string_view name, std::string_view value, http::FieldId) {
    own_bytes_ += name.size() + value.size() + 32;
  });
  held_.set(own_bytes_);
}

Subrequest::~Subrequest() { request_.loop.wheel().cancel(*this); }

void Subrequest::set_target(std::string path, std::string query, bool has_query) {
  path_ = std::move(path);
  query_ = std::move(query);
  target_ = has_query ? path_ + "?" + query_ : path_;
  request_.path = path_;
  request_.query = query_;
  request_.has_query = has_query;
  request_.target = target_;
}

void Subrequest::set_method(http::Method method, std::string text) {
  method_ = std::move(text);
  request_.method = method;
  request_.method_text = method_;
}

void Subrequest::set_content(std::string content) {
  held_.set(own_bytes_ + content.capacity());
  content_.reset(new http::TextBody(std::move(content)));
  request_.body = content_.get();
}

void Subrequest::finish(int status, bool complete) noexcept {
  http::Outcome outcome;
  outcome.status = status;
  outcome.complete = complete;
  outcome.duration = Clock::now() - request_.started;
  request_.attachment.finish(outcome);
}

net::Task<Result<void>> Subrequest::inform(const http::ResponseHead&) { co_return Result<void>(); }

void Subrequest::on_gone(GoneListener* listener) noexcept {
  listener_ = listener;
  if (outer_) outer_->on_gone(listener);
  if (listener && expired_) std::exchange(listener_, nullptr)->on_client_gone();  // it was given up before
}

void Subrequest::expire_at(Time due) noexcept { request_.loop.wheel().arm(*this, due); }

void Subrequest::on_timer() noexcept {
  expired_ = true;
  if (listener_) std::exchange(listener_, nullptr)->on_client_gone();
}

}  // namespace genkan::proxy
