#include <openssl/err.h>

#include <algorithm>
#include <mutex>

#include "base/text.hpp"
#include "net/tls.hpp"
#include "net/tls_server_stream.hpp"

namespace genkan::net {
namespace {

using SetPtr = std::shared_ptr<const TlsSet>;

bool unchanged(const std::vector<FileStamp>& files) {
  return std::all_of(files.begin(), files.end(), [](const FileStamp& f) { return stamp_of(f.path) == f; });
}

bool same_kind(const std::vector<const Identity*>& those, const Identity& one) {
  return std::any_of(those.begin(), those.end(), [&](const Identity* i) { return i->ecdsa == one.ecdsa; });
}

// One of `before` that is made of the same files, or null.
std::shared_ptr<const Identity> reusable(const TlsSet* before, std::size_t index, const CertificateStore& store) {
  if (!before || index >= before->identities.size()) return nullptr;
  const auto& identity = before->identities[index];
  const auto& names = identity->row.names;
  if (identity->files.empty() || (!names.empty() && store.installed(names.front()))) return nullptr;
  return unchanged(identity->files) ? identity : nullptr;
}

Result<void> add_doors(TlsSet& set, const TlsServer::Options& options, std::string& why) {
  set.doors[""].alpn = alpn_wire(options.alpn);
  set.doors[""].policy = std::make_shared<const ClientPolicy>();  // mail and the like: nobody is asked
  for (const auto& listen : options.listens) {
    if (!listen.tls) continue;
    Door& door = set.doors[listen.name];
    door.alpn = alpn_wire(listen.protocols);
    door.early_data = listen.early_data;
    if (listen.client_auth.empty()) continue;
    auto policy = read_policy(listen.client_auth, listen.client_ca, listen.client_crl, why);
    if (!policy) return policy.error();
    door.policy = std::move(*policy);
    set.asks = set.asks || door.policy->asks();
  }
  return {};
}

Result<SetPtr> build(const TlsServer::Options& options, std::shared_ptr<const TicketKeys> tickets, const TlsSet* before,
                     std::string& why) {
  auto set = std::make_shared<TlsSet>();
  set->store = options.store;
  set->tickets = std::move(tickets);
  const ContextSettings settings{options.tls, options.state_dir};
  for (std::size_t i = 0; i < options.certificates.size(); ++i) {
    auto identity = reusable(before, i, *options.store);
    if (!identity) {
      auto made = make_identity(options.certificates[i], settings, *options.store, why);
      if (!made) return made.error();
      identity = std::move(*made);
    }
    for (const auto& name : identity->names) {
      auto& those = name.starts_with("*.") ? set->wildcard[name.substr(1)] : set->exact[name];
      if (!same_kind(those, *identity)) those.push_back(identity.get());
    }
    set->asks = set->asks || identity->policy->asks();
    set->identities.push_back(std::move(identity));
  }
  if (set->identities.empty()) {
    why = "a listener wants TLS and there is no [[certificate]]";
    return Errc::not_found;
  }
  if (auto done = add_doors(*set, options, why); !done) return done.error();
  return SetPtr(std::move(set));
}

}  // namespace

struct TlsServer::Impl {
  Options options;
  std::shared_ptr<const TicketKeys> tickets;
  std::vector<FileStamp> seen;  // when they were read last, whatever came of it; of the refreshing thread
  mutable std::mutex mutex;     // guards set; held for a copy
  SetPtr set;

  SetPtr get() const {
    const std::lock_guard lock(mutex);
    return set;
  }
  void put(SetPtr next) {
    std::vector<FileStamp> files;
    for (const auto& identity : next->identities)
      files.insert(files.end(), identity->files.begin(), identity->files.end());
    for (const auto& [name, door] : next->doors) {
      if (door.policy) files.insert(files.end(), door.policy->files.begin(), door.policy->files.end());
    }
    seen = std::move(files);
    const std::lock_guard lock(mutex);
    set = std::move(next);
  }
};

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::shared_ptr<TlsServer>> TlsServer::make(Options options, std::string& why) {
  auto impl = std::make_unique<Impl>();
  if (!options.store) options.store = std::make_shared<CertificateStore>();
  if (options.tls.session_tickets != "off") {
    std::string secret = options.ticket_secret;
    if (secret.empty()) {
      auto own = own_ticket_secret(options.state_dir, why);
      if (!own) return own.error();
      secret = std::move(*own);
    }
    const auto rotation = std::chrono::duration_cast<std::chrono::seconds>(options.tls.ticket_rotation);
    impl->tickets =
        std::make_shared<const TicketKeys>(std::move(secret), rotation, options.tls.session_tickets == "on");
  }
  impl->options = std::move(options);
  auto set = build(impl->options, impl->tickets, nullptr, why);
  if (!set) return set.error();
  impl->put(std::move(*set));
  return std::shared_ptr<TlsServer>(new TlsServer(std::move(impl)));
}

std::unique_ptr<TlsStream> TlsServer::accept(std::string_view listener) const {
  SetPtr set = impl_->get();
  auto door = set->doors.find(listener);
  if (door == set->doors.end()) door = set->doors.find("");
  const Door& through = door->second;
  return std::make_unique<ServerStream>(std::move(set), through);
}

bool TlsServer::asks_clients() const { return impl_->get()->asks; }

bool TlsServer::changed() const { return !unchanged(impl_->seen); }

Result<void> TlsServer::refresh(std::string& why) {
  for (auto& file : impl_->seen) file = stamp_of(file.path);
  const SetPtr before = impl_->get();
  auto set = build(impl_->options, impl_->tickets, before.get(), why);
  if (!set) return set.error();
  impl_->put(std::move(*set));
  return {};
}

std::vector<TlsServer::Certificate> TlsServer::certificates() const {
  std::vector<Certificate> out;
  const SetPtr set = impl_->get();  // held: another thread may refresh
  for (const auto& i : set->identities) {
    out.push_back({i->names, i->cert_path, i->fingerprint, i->not_after, i->cert_pem, i->issuer_pem, i->staple,
                   i->ocsp_file, i->row.self_signed});
  }
  return out;
}

}  // namespace genkan::net
