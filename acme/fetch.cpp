#include "acme/fetch.hpp"

#include "base/version.hpp"
#include "http/h1/reader.hpp"
#include "net/connect.hpp"

namespace genkan::acme {
namespace {

std::string text_of(Send::Form form, const Url& url, const std::string& body) {
  const bool post = form == Send::Form::signed_by_key || form == Send::Form::signed_by_account;
  const std::string method = post ? "POST " : form == Send::Form::head ? "HEAD " : "GET ";
  std::string out = method + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\nUser-Agent: genkan/" +
                    std::string(base::kVersion) + " (ACME, RFC 8555)\r\nAccept-Language: en\r\nConnection: close\r\n";
  if (post) {
    out += "Content-Type: application/jose+json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return out + "\r\n" + body;
}

std::string text_of_field(const http::Fields& fields, std::string_view name) {
  constexpr std::size_t kMax = 4096;
  const auto value = fields.get(name);
  return value ? std::string(value->substr(0, kMax)) : std::string();
}

}  // namespace

void Fetcher::cancel() noexcept {
  cancelled_ = true;
  if (current_) current_->cancel();
}

net::Task<Result<std::unique_ptr<net::Transport>>> Fetcher::open(Url url, Time deadline, std::string* why) {
  auto addresses = co_await resolver_.addresses(url.host);
  if (cancelled_) co_return Errc::cancelled;
  if (!addresses) {
    *why = "the CA's host " + url.host + " can't be looked up: " + addresses.error().message();
    co_return addresses.error();
  }
  Error last = Errc::not_found;
  for (const auto& ip : addresses->records) {
    base::Endpoint to;
    to.ip = ip;
    to.port = url.port;
    const Time until = std::min(deadline, loop_.now() + limits_.connect);
    auto connected = co_await net::connect(loop_, to, until);
    if (cancelled_) co_return Errc::cancelled;
    if (connected) co_return std::move(*connected);
    last = connected.error();
    if (loop_.now() >= deadline) break;
  }
  *why = "no connection to the CA at " + url.authority() + ": " + last.message();
  co_return last;
}

net::Task<Result<Answer>> Fetcher::ask(net::Transport& transport, Send::Form form, std::string text, std::string* why) {
  const auto sent = co_await transport.write(text);
  if (!sent) {
    *why = "the connection to the CA broke: " + sent.error().message();
    co_return sent.error();
  }
  http::h1::Reader reader(transport);
  http::h1::HeadLimits limits;
  limits.max_bytes = limits_.max_head;
  limits.max_fields = limits_.max_fields;
  http::h1::StatusLine line;
  http::Fields fields;
  Answer answer;
  do {  // interim answers first
    reader.begin();
    const auto head = co_await reader.read_head(limits);
    if (!head) {
      *why = "no answer from the CA: " + head.error().message();
      co_return head.error();
    }
    fields.clear(head->data());
    if (http::h1::parse_response(*head, line, fields) != http::h1::HeadError::none) {
      *why = "what the CA's host answers is no HTTP";
      co_return Errc::malformed;
    }
  } while (line.status >= 100 && line.status < 200);
  answer.status = line.status;
  answer.location = text_of_field(fields, "Location");
  answer.nonce = text_of_field(fields, "Replay-Nonce");
  answer.retry_after = text_of_field(fields, "Retry-After");
  answer.content_type = text_of_field(fields, "Content-Type");
  http::h1::Framing framing;
  const auto method = form == Send::Form::head ? http::Method::head : http::Method::post;
  if (!http::h1::response_framing(fields, line.status, line.minor_version, method, framing)) {
    *why = "the CA's answer has no clear length";
    co_return Errc::malformed;
  }
  reader.begin_body(framing);
  while (!reader.body_done()) {
    Result<http::Chunk> chunk = http::Chunk{};
    if (!reader.poll_body(chunk)) {
      auto fetched = co_await reader.fetch_body();
      chunk = fetched;
    }
    if (!chunk) {
      *why = "the CA's answer broke off: " + chunk.error().message();
      co_return chunk.error();
    }
    if (answer.body.size() + chunk->data.size() > limits_.max_body) {
      *why = "the CA's answer does not end";
      co_return Errc::too_large;
    }
    answer.body += chunk->data;
    if (chunk->last) break;
  }
  co_return answer;
}

net::Task<Result<Answer>> Fetcher::fetch(std::shared_ptr<const net::TlsClient> tls, Send::Form form, std::string url,
                                         std::string body, std::string* why) {
  if (cancelled_) co_return Errc::cancelled;
  const auto parsed = Url::parse(url);
  if (!parsed) {
    *why = "the CA gave an address that is no HTTPS URL";
    co_return Errc::malformed;
  }
  const Url& target = *parsed;
  const Time deadline = loop_.now() + limits_.total;
  auto opened = co_await open(target, deadline, why);
  if (!opened) co_return opened.error();
  const std::unique_ptr<net::Transport> transport = std::move(*opened);
  transport->read_deadline(deadline);
  transport->write_timeout(limits_.total);
  current_ = transport.get();
  auto stream = tls->connect(target.host);
  const auto shaken = co_await transport->handshake(std::move(stream));
  if (!shaken) {
    current_ = nullptr;
    *why = "no TLS with the CA at " + target.authority() + ": " + shaken.error().message() +
           ". Is its certificate one that `ca_file`, or the system, knows?";
    co_return shaken.error();
  }
  std::string text = text_of(form, target, body);
  auto answer = co_await ask(*transport, form, std::move(text), why);
  current_ = nullptr;
  if (cancelled_) co_return Errc::cancelled;
  if (answer) {
    transport->close();
  } else {
    transport->reset();
  }
  co_return answer;
}

}  // namespace genkan::acme
