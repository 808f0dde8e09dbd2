#include "webmail/webmail.hpp"

#include "base/text.hpp"
#include "webmail/events.hpp"

namespace genkan::webmail {

namespace {

using http::FieldId;

constexpr std::uint64_t kMaxLogin = 16 * 1024;
constexpr std::uint64_t kMaxBuffered = 512u << 20;  // request bodies of all clients together
constexpr std::size_t kMaxWaitingPasswords = 64;
constexpr int kPasswordThreads = 2;

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(WallClock::now().time_since_epoch()).count();
}

std::string field(const http::Request& r, std::string_view name) {
  return std::string(r.fields.get(name).value_or(""));
}

Ask ask_of(const http::Request& r) {
  Ask ask;
  ask.post = r.method == http::Method::post;
  ask.path = r.path;
  ask.query = r.query;
  ask.base = std::string(r.scheme) + "://" + std::string(r.authority);
  ask.cookie = r.fields.joined(FieldId::cookie);
  ask.authorization = r.fields.get(FieldId::authorization).value_or("");
  ask.content_type = r.fields.get(FieldId::content_type).value_or("");
  ask.requested_with = field(r, "X-Requested-With");
  ask.fetch_site = field(r, "Sec-Fetch-Site");
  ask.if_none_match = r.fields.joined(FieldId::if_none_match);
  ask.last_event_id = field(r, "Last-Event-ID");
  if (r.client) ask.client = r.client->ip;
  return ask;
}

// What every answer has, and what those without rules of their own have.
http::Response response_of(http::Request& r, Answer answer) {
  http::Response response;
  if (answer.type.empty()) {
    response = r.reply(answer.status);
  } else {
    response = r.reply(answer.status, answer.type, std::move(answer.body));
  }
  auto& fields = response.head->fields;
  for (const auto& [name, value] : answer.fields) fields.add(name, value);
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("Referrer-Policy", "no-referrer");
  if (!fields.has(FieldId::cache_control)) fields.add(FieldId::cache_control, "no-store");
  if (!fields.get("Content-Security-Policy")) {
    fields.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  }
  return response;
}

// Gives back what read_all() counted.
class Buffered {
 public:
  explicit Buffered(std::atomic<std::uint64_t>& total) : total_(total) {}
  Buffered(const Buffered&) = delete;
  Buffered& operator=(const Buffered&) = delete;
  ~Buffered() { total_ -= mine_; }
  bool add(std::uint64_t n) {
    mine_ += n;
    return (total_ += n) <= kMaxBuffered;
  }

 private:
  std::atomic<std::uint64_t>& total_;
  std::uint64_t mine_ = 0;
};

// Errc::too_large: over `limit`; Errc::exhausted: too much in memory at once.
net::Task<Result<std::string>> read_all(http::Body* body, std::uint64_t limit, Buffered* buffered) {
  std::string text;
  if (!body) co_return text;
  if (body->length().value_or(0) > limit) co_return Errc::too_large;
  for (;;) {
    Result<http::Chunk> chunk = http::Chunk{};
    if (!body->poll(chunk)) chunk = co_await body->fetch();
    if (!chunk) co_return chunk.error();
    if (text.size() + chunk->data.size() > limit) co_return Errc::too_large;
    if (!buffered->add(chunk->data.size())) co_return Errc::exhausted;
    text.append(chunk->data);
    if (chunk->last) co_return text;
  }
}

bool is_dynamic(std::string_view path) {
  return path.starts_with("/webmail/auth/") || path.starts_with("/webmail/jmap/") || path.starts_with("/webmail/body/");
}

Answer redirect(int status, std::string location) { return {status, "", "", {{"Location", std::move(location)}}}; }

}  // namespace

Webmail::Webmail(Options options, Users& users, base::Telemetry& telemetry)
    : telemetry_(telemetry),
      pool_(options.threads),
      password_pool_(kPasswordThreads, kMaxWaitingPasswords),
      service_({options.state_dir, options.conf, options.submit}, users, telemetry) {
  if (options.ui_folder.empty()) {
    assets_ = Assets::built_in();
  } else if (auto found = Assets::from_folder(options.ui_folder)) {
    assets_ = std::move(*found);
  }
  if (assets_.empty()) telemetry_.log.warning("the webmail has no pages: only JMAP clients can use it");
}

net::Task<Result<http::Response>> Webmail::handle(http::Request& r) {
  http::Response response;
  const bool reads = r.method == http::Method::get || r.method == http::Method::head;
  if (!reads && r.method != http::Method::post) {
    auto answer = problem(405, "GET, HEAD and POST only");
    answer.fields.emplace_back("Allow", "GET, HEAD, POST");
    response = response_of(r, std::move(answer));
  } else if (r.path == "/.well-known/jmap") {
    response = response_of(r, redirect(307, "/webmail/jmap/session"));
  } else if (r.path == "/webmail") {
    response = response_of(r, redirect(308, "/webmail/"));
  } else if (is_dynamic(r.path)) {
    auto ask = ask_of(r);
    auto answered = co_await dynamic(r, std::move(ask));
    co_return answered;
  } else if (!reads || !r.path.starts_with("/webmail/")) {
    response = response_of(r, problem(404, "nothing here"));
  } else {
    const auto name = r.path.substr(std::string_view("/webmail/").size());
    response = response_of(r, assets_.get(name, r.fields.joined(FieldId::if_none_match)));
  }
  co_return response;
}

std::uint64_t Webmail::body_limit(std::string_view path) const {
  if (path.starts_with("/webmail/jmap/upload/")) return service_.limits().max_size_upload;
  if (path == "/webmail/jmap/api") return service_.limits().max_size_request;
  return kMaxLogin;
}

net::Task<Webmail::Who> Webmail::identify(http::Request& r, const Ask& ask) {
  auto job = [this, &ask] {
    Who who;
    who.identity = service_.authenticate(ask, unix_now(), who.refusal);
    return who;
  };
  auto& pool = service_.costly(ask, unix_now()) ? password_pool_ : pool_;
  auto who = co_await pool.run(r.loop, job);
  if (who) co_return std::move(*who);
  Who busy;
  busy.refusal = problem(503, "too many logins at once");
  co_return busy;
}

http::Response Webmail::events(http::Request& r, const Ask& ask, Identity who) {
  auto share = service_.take(who.user, Accounts::Use::stream);
  if (!share) return response_of(r, problem(429, "too many event streams of this account"));
  const auto ping = base::parse_uint(query_value(ask.query, "ping")).value_or(0);
  EventBody::Setup setup{pool_,
                         service_,
                         telemetry_,
                         std::move(who),
                         std::move(share),
                         query_value(ask.query, "types"),
                         ask.last_event_id.substr(0, 100),
                         query_value(ask.query, "closeafter") == "state",
                         std::chrono::seconds(ping == 0 ? 0 : std::clamp<std::uint64_t>(ping, 30, 300))};
  auto response = response_of(r, {200, "", "", {}});
  response.head->fields.add(FieldId::content_type, "text/event-stream");
  response.body.reset(new EventBody(r, std::move(setup)));
  return response;
}

net::Task<Result<http::Response>> Webmail::dynamic(http::Request& r, Ask ask) {
  http::Response response;
  if (ask.path == "/webmail/auth/login" && ask.post) {
    auto answered = co_await with_body(r, std::move(ask), Identity());
    co_return answered;
  }
  auto who = co_await identify(r, ask);
  if (!who.identity) {
    response = response_of(r, std::move(who.refusal));
    co_return response;
  }
  if (ask.path == "/webmail/jmap/events" && !ask.post) {
    response = events(r, ask, std::move(*who.identity));
    co_return response;
  }
  const bool uploads = ask.path.starts_with("/webmail/jmap/upload/");
  auto share = service_.take(who.identity->user, uploads ? Accounts::Use::upload : Accounts::Use::request);
  if (!share) {
    Answer busy{429, "application/problem+json", "", {}};
    busy.body = jmap::problem_json(429, "urn:ietf:params:jmap:error:limit", "too many requests at once",
                                   uploads ? "maxConcurrentUpload" : "maxConcurrentRequests");
    response = response_of(r, std::move(busy));
    co_return response;
  }
  auto answered = co_await with_body(r, std::move(ask), std::move(*who.identity));
  co_return answered;
}

// An empty identity: a login.
net::Task<Result<http::Response>> Webmail::with_body(http::Request& r, Ask ask, Identity who) {
  http::Response response;
  Buffered buffered(buffered_);
  http::Body* content = ask.post ? r.body : nullptr;
  auto body = co_await read_all(content, body_limit(ask.path), &buffered);
  if (!body) {
    const bool large = body.error() == Errc::too_large;
    if (!large && body.error() != Errc::exhausted) co_return body.error();
    response =
        response_of(r, problem(large ? 413 : 503, large ? "the request is too large" : "too many uploads at once"));
    co_return response;
  }
  ask.body = std::move(*body);
  const bool is_login = who.user.account_id.empty();
  auto job = [this, is_login, &ask, &who] {
    return is_login ? service_.login(ask, unix_now()) : service_.serve(ask, who, unix_now());
  };
  auto& pool = is_login ? password_pool_ : pool_;
  auto answer = co_await pool.run(r.loop, job);
  if (!answer) {
    auto busy = problem(503, "too many requests at once");
    busy.fields.emplace_back("Retry-After", "5");
    response = response_of(r, std::move(busy));
  } else {
    response = response_of(r, std::move(*answer));
  }
  co_return response;
}

}  // namespace genkan::webmail
