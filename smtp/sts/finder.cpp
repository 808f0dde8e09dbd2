#include "smtp/sts/finder.hpp"

#include <sqlite3.h>

#include <algorithm>

#include "base/clock.hpp"
#include "net/connect.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kFetch = std::chrono::seconds(15);  // in all
constexpr std::size_t kMaxAnswer = kMaxStsPolicy + 16 * 1024;
constexpr std::size_t kMaxTries = 4;  // addresses of the policy's host
constexpr std::int64_t kLeastAge = 60;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(WallClock::now().time_since_epoch()).count();
}

Result<std::string> failed(Errc code) {
  return Result<std::string>(boost::system::in_place_error, make_error_code(code));
}

// One exchange with one address; the whole answer.
net::Task<Result<std::string>> ask_at(net::Loop& loop, base::Endpoint to, std::string host,
                                      std::shared_ptr<const net::TlsClient> tls, Time until, std::string* why) {
  auto connected = co_await net::connect(loop, std::move(to), until);
  if (!connected) {
    *why = connected.error().message();
    co_return failed(Errc::unavailable);
  }
  auto transport = std::move(*connected);
  transport->read_deadline(until);
  transport->write_timeout(kFetch);
  auto stream = tls->connect(host);
  auto secured = co_await transport->handshake(std::move(stream));
  if (!secured) {
    *why = "TLS: " + secured.error().message();
    co_return failed(Errc::tls_failed);
  }
  const auto request = "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: " + host +
                       "\r\nUser-Agent: genkan\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
  auto sent = co_await transport->write(request);
  std::string answer;
  std::string piece(8192, '\0');
  while (sent && answer.size() <= kMaxAnswer) {
    auto got = co_await transport->read_some(piece.data(), piece.size());
    if (!got && got.error() == make_error_code(Errc::end_of_stream)) break;  // a server that says no goodbye
    if (!got) {
      *why = got.error().message();
      co_return failed(Errc::unavailable);
    }
    if (*got == 0) break;
    answer.append(piece.data(), *got);
  }
  transport->close();
  if (sent && answer.size() <= kMaxAnswer) co_return answer;
  *why = sent ? "the answer is too long" : sent.error().message();
  co_return failed(Errc::unavailable);
}

net::Task<Result<std::string>> fetch(StsNeeds& needs, const std::string& host, std::string* why) {
  const auto until = needs.loop.now() + kFetch;
  auto found = co_await needs.resolver.addresses(host);
  if (!found) {
    *why = host + " has no address: " + found.error().message();
    co_return failed(Errc::unavailable);
  }
  for (std::size_t i = 0; i < std::min(kMaxTries, found->records.size()); ++i) {
    base::Endpoint to;
    to.ip = found->records[i];
    to.port = needs.port;
    auto answer = co_await ask_at(needs.loop, to, host, needs.tls, until, why);
    if (answer) co_return sts_body(*answer, *why);
    if (answer.error() == make_error_code(Errc::tls_failed)) co_return answer;
  }
  co_return failed(Errc::unavailable);
}

std::optional<StsPolicy> read(const std::string& text) {
  std::string why;
  auto policy = parse_sts_policy(text, why);
  return policy ? std::optional<StsPolicy>(std::move(*policy)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<StsStore>> StsStore::open(const std::string& file) {
  ::sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = ::sqlite3_open_v2(file.c_str(), &db, flags, nullptr);
  std::unique_ptr<StsStore> store(new StsStore(db));
  if (opened != SQLITE_OK) return Errc::unavailable;
  ::sqlite3_busy_timeout(db, 5000);
  const int made = ::sqlite3_exec(db,
                                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                  "CREATE TABLE IF NOT EXISTS policy (domain TEXT PRIMARY KEY, id TEXT, text TEXT,"
                                  " expires INTEGER) WITHOUT ROWID;",
                                  nullptr, nullptr, nullptr);
  if (made != SQLITE_OK) return Errc::corrupt;
  return store;
}

StsStore::~StsStore() { ::sqlite3_close_v2(db_); }

Result<std::optional<StsStore::Row>> StsStore::find(const std::string& domain, std::int64_t now) {
  std::lock_guard lock(mutex_);
  ::sqlite3_stmt* raw = nullptr;
  ::sqlite3_prepare_v2(db_, "SELECT id, text, expires FROM policy WHERE domain = ? AND expires > ?", -1, &raw, nullptr);
  const std::unique_ptr<::sqlite3_stmt, int (*)(::sqlite3_stmt*)> statement(raw, ::sqlite3_finalize);
  if (!raw) return Errc::unavailable;
  ::sqlite3_bind_text(raw, 1, domain.data(), static_cast<int>(domain.size()), SQLITE_TRANSIENT);
  ::sqlite3_bind_int64(raw, 2, now);
  const int step = ::sqlite3_step(raw);
  if (step == SQLITE_DONE) return std::optional<Row>();
  if (step != SQLITE_ROW) return Errc::unavailable;
  const auto text = [raw](int column) {
    const auto* value = reinterpret_cast<const char*>(::sqlite3_column_text(raw, column));
    return std::string(value ? value : "");
  };
  Row row;
  row.id = text(0);
  row.text = text(1);
  row.expires_s = ::sqlite3_column_int64(raw, 2);
  return std::optional<Row>(std::move(row));
}

Result<void> StsStore::keep(const std::string& domain, const Row& row, std::int64_t now) {
  std::lock_guard lock(mutex_);
  const auto run = [&](const char* sql, auto bind) {
    ::sqlite3_stmt* raw = nullptr;
    ::sqlite3_prepare_v2(db_, sql, -1, &raw, nullptr);
    const std::unique_ptr<::sqlite3_stmt, int (*)(::sqlite3_stmt*)> statement(raw, ::sqlite3_finalize);
    if (!raw) return false;
    bind(raw);
    return ::sqlite3_step(raw) == SQLITE_DONE;
  };
  run("DELETE FROM policy WHERE expires <= ?", [now](::sqlite3_stmt* s) { ::sqlite3_bind_int64(s, 1, now); });
  const bool kept =
      run("INSERT OR REPLACE INTO policy (domain, id, text, expires) VALUES (?, ?, ?, ?)", [&](::sqlite3_stmt* s) {
        int at = 0;
        for (const auto* text : {&domain, &row.id, &row.text})
          ::sqlite3_bind_text(s, ++at, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
        ::sqlite3_bind_int64(s, ++at, row.expires_s);
      });
  if (!kept) return Errc::unavailable;
  return {};
}

net::Task<StsFound> find_sts(StsNeeds needs, std::string domain) {
  StsFound out;
  auto& store = needs.store;
  auto look = [&store, domain] { return store.find(domain, now_s()); };
  auto known = co_await offloaded<std::optional<StsStore::Row>>(needs.files, needs.loop, std::move(look));
  if (known && *known) {
    out.policy = read((*known)->text);
    out.text = (*known)->text;
  }
  const auto txt = co_await needs.resolver.txt("_mta-sts." + domain);
  const auto id = txt ? sts_id(txt->records) : std::nullopt;
  // Without a record a policy that we know holds until its time is over (3.3): DNS may lie.
  if (!id || (out.policy && (*known)->id == *id)) co_return out;
  std::string why;
  const auto host = "mta-sts." + domain;
  auto body = co_await fetch(needs, host, &why);
  out.failure = "sts-policy-fetch-error";
  if (body) {
    out.failure.clear();
    auto policy = parse_sts_policy(*body, why);
    if (policy) {
      StsStore::Row row;
      row.id = *id;
      row.text = *body;
      row.expires_s = now_s() + std::max(kLeastAge, policy->max_age_s);
      out.text = *body;
      out.policy = std::move(*policy);
      auto keep = [&store, domain, row] { return store.keep(domain, row, now_s()); };
      const auto kept = co_await offloaded<void>(needs.files, needs.loop, std::move(keep));
      if (!kept) needs.telemetry.log.error("an MTA-STS policy cannot be kept", {{"domain", domain}});
      co_return out;
    }
    out.failure = "sts-policy-invalid";
  } else if (body.error() == make_error_code(Errc::tls_failed)) {
    out.failure = "sts-webpki-invalid";
  }
  needs.telemetry.log.warning("an MTA-STS policy cannot be had",
                              {{"domain", domain}, {"why", why}, {"kept", out.policy.has_value()}});
  co_return out;
}

}  // namespace genkan::smtp
