#include "net/dns_channel.hpp"

#include <ares.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/crypto.hpp"

namespace genkan::net::dns {
namespace {

constexpr int kRounds = 32;          // polls in a row before others get a turn
constexpr int kClassIn = 1;          // RFC 1035 3.2.4
constexpr int kEdns = 1232;          // no fragments (dnsflagday.net/2020)
constexpr int kTries = 2;            // of every server
constexpr Duration kLookEvery = 5s;  // for a changed resolv.conf
constexpr const char* kResolvConf = "/etc/resolv.conf";

std::int64_t changed_ns(const char* path) {
  struct ::stat info {};
  if (::stat(path, &info) != 0) return 0;
  return info.st_mtim.tv_sec * 1'000'000'000ll + info.st_mtim.tv_nsec;
}

Error error_of(int status) {
  switch (status) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return Errc::not_found;
    case ARES_ETIMEOUT:
      return Errc::timed_out;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return Errc::cancelled;
    default:
      return Errc::unavailable;
  }
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

// Not thread-safe in c-ares, so once for all loops.
bool library_is_ready() {
  static const bool ready = ::ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

}  // namespace

Channel::Channel(Loop& loop, std::vector<std::string> servers, Duration timeout)
    : loop_(loop), servers_(std::move(servers)), timeout_(timeout) {
  if (library_is_ready()) open();
}

Channel::~Channel() {
  if (channel_) ::ares_destroy(channel_);
  loop_.wheel().cancel(*this);
}

// The first round gives each of n servers timeout/(n + 2): with one, a second try of twice that fits; with several, all
// of them are asked and the first ones again.
void Channel::open() {
  resolv_conf_ns_ = changed_ns(kResolvConf);
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_);
  if (!initialise(whole)) return;
  ::ares_addr_port_node* list = nullptr;
  int count = 0;
  if (::ares_get_servers_ports(channel_, &list) == ARES_SUCCESS) {
    for (const auto* server = list; server; server = server->next) ++count;
    ::ares_free_data(list);
  }
  ::ares_destroy(std::exchange(channel_, nullptr));
  initialise(std::max<std::chrono::milliseconds>(whole / (std::max(count, 1) + 2), 10ms));
}

bool Channel::initialise(std::chrono::milliseconds per_try) {
  ::ares_options options{};
  options.flags = ARES_FLAG_EDNS;
  options.ednspsz = kEdns;
  options.timeout = static_cast<int>(per_try.count());
  options.tries = kTries;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (::ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) {
    channel_ = nullptr;
    return false;
  }
  if (servers_.empty()) return true;
  if (::ares_set_servers_ports_csv(channel_, joined(servers_).c_str()) == ARES_SUCCESS) return true;
  ::ares_destroy(std::exchange(channel_, nullptr));
  return false;
}

void Channel::query(const std::string& name, Type type, bool search, Done done) {
  if (servers_.empty() && outstanding_ == 0 && loop_.now() >= next_look_) {
    next_look_ = loop_.now() + kLookEvery;
    if (changed_ns(kResolvConf) != resolv_conf_ns_) {
      if (channel_) ::ares_destroy(std::exchange(channel_, nullptr));
      open();
    }
  }
  if (!channel_) {
    done(Error(Errc::unavailable));
    return;
  }
  ++outstanding_;
  auto* query = new Query{this, std::move(done)};  // on_answer, which comes exactly once, frees it
  const auto ask = search && name.find('.') == std::string::npos ? ::ares_search : ::ares_query;
  ask(channel_, name.c_str(), kClassIn, static_cast<int>(type), on_answer, query);
  pump();
}

void Channel::query_secure(const std::string& name, Type type, Done done) {
  unsigned char* raw = nullptr;
  int size = 0;
  const auto number = static_cast<unsigned short>(base::random_u64());
  const int made =
      channel_ ? ::ares_create_query(name.c_str(), kClassIn, static_cast<int>(type), number, 1, &raw, &size, kEdns)
               : ARES_ENOTINITIALIZED;
  const std::unique_ptr<unsigned char, void (*)(void*)> question(raw, ::ares_free_string);
  if (made != ARES_SUCCESS || size < 12) {
    done(Error(Errc::unavailable));
    return;
  }
  raw[3] |= 0x20;  // AD in a question: say whether you vouch for it (RFC 6840 5.7)
  ++outstanding_;
  auto* query = new Query{this, std::move(done)};
  ::ares_send(channel_, raw, size, on_answer, query);
  pump();
}

void Channel::cancel() {
  if (channel_) ::ares_cancel(channel_);
  settle();
}

void Channel::on_answer(void* argument, int status, int timeouts, unsigned char* message, int length) {
  const std::unique_ptr<Query> query(static_cast<Query*>(argument));
  Channel& channel = *query->channel;
  --channel.outstanding_;
  if (timeouts > 0 && status != ARES_ECANCELLED && status != ARES_EDESTRUCTION) channel.slow_ = true;
  if (status == ARES_SUCCESS && message && length > 0) {
    query->done(Bytes(message, static_cast<std::size_t>(length)));
  } else {
    query->done(error_of(status));
  }
}

// c-ares tells what it wants of a socket; nothing wanted: it is about to be closed.
void Channel::on_socket(void* self, int fd, int readable, int writable) {
  auto& channel = *static_cast<Channel*>(self);
  auto& slot = channel.sockets_[fd];
  if (readable == 0 && writable == 0) {
    if (slot) channel.loop_.unwatch(fd, *slot);
    channel.sockets_.erase(fd);
    return;
  }
  if (!slot) {
    slot = std::make_unique<Watched>(channel);
    channel.loop_.watch(fd, *slot);  // when the system refuses, the time-out moves it on
  }
  slot->reads = readable != 0;
  slot->writes = writable != 0;
}

void Channel::pump() noexcept {
  int round = 0;
  while (round < kRounds && step()) ++round;
  settle();
  if (round == kRounds) loop_.wheel().arm(*this, loop_.now());
}

// One poll of all sockets, and what follows from it. False: nothing was ready.
bool Channel::step() noexcept {
  std::vector<::pollfd> polled;
  polled.reserve(sockets_.size());
  for (const auto& [fd, socket] : sockets_) {
    const int events = (socket->reads ? POLLIN : 0) | (socket->writes ? POLLOUT : 0);
    polled.push_back({fd, static_cast<short>(events), 0});
  }
  if (polled.empty() || ::poll(polled.data(), polled.size(), 0) <= 0) return false;
  constexpr int kBroken = POLLERR | POLLHUP | POLLNVAL;
  for (const auto& p : polled) {
    if (p.revents == 0 || !channel_) continue;
    const bool reads = (p.revents & (POLLIN | kBroken)) != 0;
    const bool writes = (p.revents & POLLOUT) != 0 || ((p.revents & kBroken) != 0 && (p.events & POLLOUT) != 0);
    ::ares_process_fd(channel_, reads ? p.fd : ARES_SOCKET_BAD, writes ? p.fd : ARES_SOCKET_BAD);
  }
  return true;
}

void Channel::settle() noexcept {
  loop_.wheel().cancel(*this);
  if (!channel_) return;
  if (outstanding_ == 0) {
    if (slow_) prefer_another_server();
    return;
  }
  ::timeval left{};
  if (::ares_timeout(channel_, nullptr, &left)) {
    const Duration wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    loop_.wheel().arm(*this, loop_.now() + wait);
  }
}

void Channel::on_timer() noexcept {
  if (channel_) ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  pump();
}

// c-ares begins every query with the first server. One that is dead would cost each of them its time-out: it goes to
// the end of the list. The list may only change while nothing is outstanding.
void Channel::prefer_another_server() {
  slow_ = false;
  ::ares_addr_port_node* list = nullptr;
  if (::ares_get_servers_ports(channel_, &list) != ARES_SUCCESS || !list) return;
  if (list->next) {
    ::ares_addr_port_node* first = list;
    list = std::exchange(first->next, nullptr);
    ::ares_addr_port_node* last = list;
    while (last->next) last = last->next;
    last->next = first;
    ::ares_set_servers_ports(channel_, list);
  }
  ::ares_free_data(list);
}

}  // namespace genkan::net::dns
