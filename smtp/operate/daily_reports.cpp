#include "smtp/operate/daily_reports.hpp"

#include "smtp/offloaded.hpp"
#include "smtp/operate/report_sender.hpp"

namespace genkan::smtp {
namespace {

std::string dir_of(const Plan& plan) { return plan.conf->node.state_dir + "/tls-reports"; }

void complain(Shared& shared, const Error& error) {
  shared.telemetry.log.error("TLS reports cannot be written", {{"why", error.message()}});
}

}  // namespace

std::vector<TlsReports::Report> DailyReports::take() {
  const auto& contact = plan_->smtp().tls_report_contact;
  auto reports = shared_.tls_reports->take(
      plan_->hostname(), contact.empty() ? "postmaster@" + plan_->hostname() : contact, wall_ms() / 1000);
  if (!plan_->smtp().tls_reports) reports.clear();
  return reports;
}

net::Task<void> DailyReports::write(Shared& shared, net::Loop& loop, std::string dir,
                                    std::vector<TlsReports::Report> reports) {
  auto job = [dir, reports] { return write_tls_reports(dir, reports); };
  const auto written = co_await offloaded<void>(shared.files, loop, std::move(job));
  if (!written) complain(shared, written.error());
}

void DailyReports::on_timer() noexcept {
  loop_.wheel().arm(*this, loop_.now() + kEvery);
  if (shared_.tls_reports->day_is_over(wall_ms() / 1000)) {
    auto reports = take();
    if (!reports.empty()) net::spawn(loop_, write(shared_, loop_, dir_of(*plan_), std::move(reports)));
    next_send_ = loop_.now() + kEvery;  // they are there then
    return;
  }
  if (plan_->smtp().tls_reports_send && loop_.now() >= next_send_) send();
}

void DailyReports::send() {
  next_send_ = loop_.now() + kSendEvery;
  auto* dispatcher = shared_.dispatchers.front();
  dispatcher->loop().post(
      [dispatcher] { dispatcher->run_beside([](Dispatcher& own) { return send_tls_reports(own); }); });
}

void DailyReports::write_now() {
  if (const auto written = write_tls_reports(dir_of(*plan_), take()); !written) complain(shared_, written.error());
}

}  // namespace genkan::smtp
