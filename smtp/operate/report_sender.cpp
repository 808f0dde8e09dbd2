#include "smtp/operate/report_sender.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "smtp/auth/dns.hpp"
#include "smtp/delivery/report_signing.hpp"
#include "smtp/offloaded.hpp"
#include "smtp/operate/tls_report_mail.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxMails = 1000;         // in one round
constexpr std::uint64_t kMaxReport = 4u << 20;  // octets of a file
constexpr std::int64_t kLongest = 3 * 86'400;   // seconds that one is tried
constexpr Duration kDnsWait = std::chrono::seconds(20);
constexpr Duration kBreath = std::chrono::milliseconds(20);  // between two: mail of others goes first

Result<std::vector<std::string>> report_files(const std::string& dir) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(dir.c_str()), ::closedir);
  if (!handle) return Result<std::vector<std::string>>(std::move(out));
  while (const auto* entry = ::readdir(handle.get())) {
    if (parse_report_name(entry->d_name)) out.emplace_back(entry->d_name);
  }
  std::sort(out.begin(), out.end());
  if (out.size() > kMaxMails) out.resize(kMaxMails);
  return Result<std::vector<std::string>>(std::move(out));
}

std::string from_of(const Plan& plan) {
  const auto& contact = plan.smtp().tls_report_contact;
  return contact.empty() ? "postmaster@" + plan.hostname() : contact;
}

// The whole message, signed where there is a key.
Result<std::string> made(const Plan& plan, const std::string& path, TlsReportMail mail) {
  auto json = base::read_file(path, kMaxReport);
  if (!json) return json;
  mail.json = std::move(*json);
  const auto text = build_tls_report_mail(mail);
  const auto keys = report_keys(plan.auth->keys, domain_of(mail.from));
  auto fields = report_signatures(keys, text, wall_ms() / 1000);
  if (!fields) return fields;
  return Result<std::string>(*fields + text);
}

enum class Fate { sent, unwanted, later };

net::Task<Fate> send_one(Dispatcher& dispatcher, std::string path, TlsReportMail mail) {
  auto& shared = dispatcher.shared();
  auto& loop = dispatcher.loop();
  const auto plan = dispatcher.plan();
  ResolverDns dns(loop, dispatcher.resolver(), loop.now() + kDnsWait);
  const auto records = co_await dns.txt("_smtp._tls." + mail.name.domain);
  if (records.failed()) co_return Fate::later;
  mail.to = tls_report_addresses(records.records);
  if (mail.to.empty()) co_return Fate::unwanted;
  mail.from = from_of(*plan);
  mail.hostname = plan->hostname();
  mail.token = base::random_token();
  mail.now = WallClock::now();
  const auto domain = mail.name.domain;
  Submission submission;
  submission.kind = Submission::Kind::report;
  for (const auto& address : mail.to) {
    Recipient recipient;
    recipient.address = address;
    recipient.notify = kNotifyNever;
    submission.envelope.recipients.push_back(std::move(recipient));
  }
  auto job = [plan, path, mail] { return made(*plan, path, mail); };
  auto content = co_await offloaded<std::string>(shared.files, loop, std::move(job));
  if (!content) co_return content.error() == make_error_code(Errc::exhausted) ? Fate::later : Fate::unwanted;
  submission.content = std::move(*content);
  submission.user = "tls-reports";
  std::string why;
  const auto sent = co_await shared.submit(loop, std::move(submission), &why);
  if (sent) co_return Fate::sent;
  shared.telemetry.log.warning("a TLS report cannot be sent", {{"domain", domain}, {"why", why}});
  co_return sent.error() == make_error_code(Errc::refused) ? Fate::unwanted : Fate::later;
}

}  // namespace

net::Task<void> send_tls_reports(Dispatcher& dispatcher) {
  auto& shared = dispatcher.shared();
  auto& loop = dispatcher.loop();
  const auto dir = dispatcher.plan()->conf->node.state_dir + "/tls-reports";
  auto look = [dir] { return report_files(dir); };
  const auto files = co_await offloaded<std::vector<std::string>>(shared.files, loop, std::move(look));
  if (!files) co_return;
  std::size_t sent = 0;
  for (const auto& file : *files) {
    if (dispatcher.stopping()) co_return;
    TlsReportMail mail;
    mail.name = *parse_report_name(file);
    mail.file = file;
    const bool old = wall_ms() / 1000 - mail.name.until_s > kLongest;
    auto fate = Fate::unwanted;
    if (!old) fate = co_await send_one(dispatcher, dir + "/" + file, std::move(mail));
    if (fate == Fate::later) continue;
    sent += fate == Fate::sent ? 1 : 0;
    auto remove = [path = dir + "/" + file]() -> Result<void> {
      if (::unlink(path.c_str()) != 0) return Error(errno, boost::system::system_category());
      return {};
    };
    const auto removed = co_await offloaded<void>(shared.files, loop, std::move(remove));
    if (!removed) {  // it would be sent again and again
      shared.telemetry.log.error("a TLS report cannot be deleted",
                                 {{"file", file}, {"why", removed.error().message()}});
      co_return;
    }
    co_await net::sleep_for(loop, kBreath);
  }
  if (sent > 0) shared.telemetry.log.notice("TLS reports sent", {{"reports", sent}});
}

}  // namespace genkan::smtp
