#include "app/mail.hpp"

#include <fcntl.h>

#include <future>
#include <thread>

#include "webmail/webmail.hpp"

namespace genkan::app {
namespace {

using namespace std::chrono_literals;

// A submission on its way from a pool thread to a worker and back. Shared: whoever gives up waiting leaves it alone.
struct Handover {
  smtp::Submission submission;
  std::string why;
  std::promise<Result<std::string>> done;
};

net::Task<void> hand_over(smtp::Server& server, net::Loop& loop, std::shared_ptr<Handover> handover) {
  auto id = co_await server.submit(loop, std::move(handover->submission), &handover->why);
  handover->done.set_value(std::move(id));
}

}  // namespace

Mail::Mail(net::Workers& workers, base::Telemetry& telemetry, cluster::Cluster& cluster, net::Syslog& syslog)
    : workers_(workers), telemetry_(telemetry), cluster_(cluster), syslog_(syslog) {}

Mail::~Mail() = default;

smtp::Hooks Mail::hooks() {
  smtp::Hooks hooks;
  hooks.deliver_local = [this](const smtp::LocalMessage& message, smtp::LocalPlan& plan) -> Result<void> {
    if (!delivery_) return Errc::unavailable;
    return delivery_->deliver(message, plan);
  };
  hooks.user_exists = [this](const std::string& user) -> Result<bool> {
    if (!delivery_) return Errc::unavailable;
    return delivery_->exists(user);
  };
  hooks.mailbox_full = [this](const std::string& user) -> Result<bool> {
    if (!delivery_) return Errc::unavailable;
    return delivery_->full(user);
  };
  hooks.check_login = [this](const std::string& user, const std::string& password) -> Result<std::string> {
    if (!users_) return Errc::unavailable;
    auto verified = users_->verify(user, password);
    if (!verified) return verified.error();
    if (!*verified) return Errc::refused;
    return (*verified)->address;
  };
  hooks.node_figures = [this](std::string_view node) { return cluster_.figures_of(node, Clock::now()); };
  hooks.load = load_;
  hooks.syslog = &syslog_;
  hooks.shared_memory.recall = [this](const std::string& key) -> Result<std::string> {
    const auto memory = this->memory();
    return memory ? memory->get(key) : Result<std::string>(make_error_code(Errc::unavailable));
  };
  hooks.shared_memory.remember = [this](const std::string& key, const std::string& value, std::int64_t seconds) {
    const auto memory = this->memory();
    return memory ? memory->set(key, value, seconds) : Result<void>(make_error_code(Errc::unavailable));
  };
  return hooks;
}

Result<void> Mail::listen(const conf::Conf& conf, std::string& why, net::Inherited* from) {
  if (!conf.smtp.enabled) return {};
  smtp_ = std::make_unique<smtp::Server>(workers_, telemetry_, hooks());
  return smtp_->listen(conf, why, from);
}

void Mail::each_socket(const std::function<void(const net::ListenSocket&)>& f) const {
  if (!smtp_) return;
  for (const auto& socket : smtp_->sockets()) f(socket);
}

void Mail::rest(Time deadline) {
  if (!smtp_runs_) return;
  smtp_->drain();
  while (!smtp_->drained() && Clock::now() < deadline) std::this_thread::sleep_for(10ms);
  smtp_runs_ = false;
  smtp_->stop();
}

Result<void> Mail::resume(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why) {
  if (!smtp_ || smtp_runs_) return {};
  net::Inherited own;
  each_socket([&](const net::ListenSocket& socket) {
    for (const int fd : socket.all_fds()) {
      own.add(socket.wanted().text(), base::UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)));
    }
  });
  rested_.push_back(std::move(smtp_));
  if (auto listening = listen(*conf, why, &own); !listening) return listening.error();
  return start(std::move(conf), std::move(tls), why);
}

Result<void> Mail::open(const conf::Conf& conf, std::string& why) {
  if (!conf.smtp.enabled && !conf.webmail.enabled) return {};
  auto users = webmail::Users::open(conf.node.state_dir);
  if (!users) {
    why = "cannot open the accounts in " + conf.node.state_dir + "/users.db: " + users.error().message();
    return users.error();
  }
  users_ = std::move(*users);
  delivery_ = std::make_unique<webmail::Delivery>(*users_, conf.node.state_dir);
  if (!conf.webmail.enabled) return {};
  webmail::Webmail::Options options;
  options.state_dir = conf.node.state_dir;
  options.conf = conf.webmail;
  options.submit = [this](const webmail::Envelope& envelope, std::string_view message) {
    return submit(envelope, message);
  };
  auto webmail = std::make_shared<webmail::Webmail>(std::move(options), *users_, telemetry_);
  // It outlives every delivery: those end in stop().
  delivery_->on_delivered([told = webmail.get()](const webmail::User& user) { told->note_delivery(user); });
  webmail_ = std::move(webmail);
  return {};
}

std::shared_ptr<http::Handler> Mail::webmail() const { return webmail_; }

Result<void> Mail::start(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why) {
  if (!smtp_) return {};
  set_memory(*conf);
  set_delivery(*conf);
  auto started = smtp_->start(std::move(conf), std::move(tls), why);
  smtp_runs_ = started.has_value();
  return started;
}

Result<void> Mail::reload(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why) {
  if (!smtp_) return {};
  set_memory(*conf);
  set_delivery(*conf);
  return smtp_->reload(std::move(conf), std::move(tls), why);
}

void Mail::set_delivery(const conf::Conf& conf) {
  if (!delivery_) return;
  delivery_->set_quota(conf.smtp.mailbox_quota);
  delivery_->set_sieve(conf.smtp.sieve);
}

void Mail::set_memory(const conf::Conf& conf) {
  const auto& servers = conf.smtp.policy.greylist_memcached;
  if (servers == memory_servers_) return;
  auto next = servers.empty() ? nullptr : std::make_shared<cache::Memcached>(servers);
  memory_servers_ = servers;
  const std::lock_guard lock(memory_mutex_);
  memory_ = std::move(next);
}

std::shared_ptr<cache::Memcached> Mail::memory() const {
  const std::lock_guard lock(memory_mutex_);
  return memory_;
}

void Mail::drain() {
  if (smtp_runs_) smtp_->drain();
}

bool Mail::drained() const { return !smtp_runs_ || smtp_->drained(); }

void Mail::stop() {
  if (smtp_runs_) smtp_->stop();
  smtp_runs_ = false;
}

void Mail::reopen_log() {
  if (smtp_runs_) smtp_->reopen_log();
}

std::size_t Mail::queued() const { return smtp_runs_ ? smtp_->queued() : 0; }

Result<std::string> Mail::submit(const webmail::Envelope& envelope, std::string_view message) {
  if (!smtp_runs_) return Errc::unavailable;
  auto handover = std::make_shared<Handover>();
  handover->submission.envelope.sender = envelope.from;
  for (const auto& to : envelope.to) {
    smtp::Recipient recipient;
    recipient.address = to;
    handover->submission.envelope.recipients.push_back(std::move(recipient));
  }
  handover->submission.content.assign(message);
  handover->submission.user = envelope.from;
  auto result = handover->done.get_future();
  net::Loop& loop = workers_.worker(0);
  loop.post([this, &loop, handover] { net::spawn(loop, hand_over(*smtp_, loop, handover)); });
  return result.get();
}

}  // namespace genkan::app
