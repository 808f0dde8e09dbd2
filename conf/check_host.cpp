// Checks that need the host: files, folders, users, network interfaces. The rest is in check.hpp.
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/crypto_certificate.hpp"
#include "base/crypto_ec_key.hpp"
#include "base/crypto_key.hpp"
#include "base/file.hpp"
#include "conf/check.hpp"
#include "conf/sources.hpp"

namespace genkan::conf {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPem = 1u << 20;
constexpr std::size_t kMaxRevoked = 64u << 20;  // as when it is used

// Whoever the process will be when it writes: the configured user, else the one who runs this check.
struct Writer {
  ::uid_t uid = ::geteuid();
  std::vector<::gid_t> groups;

  bool may(const struct ::stat& info, unsigned bits) const {
    if (uid == 0) return true;
    if (info.st_uid == uid) return (info.st_mode >> 6 & bits) == bits;
    for (const auto gid : groups) {
      if (info.st_gid == gid) return (info.st_mode >> 3 & bits) == bits;
    }
    return (info.st_mode & bits) == bits;
  }
};

std::optional<std::string> slurp_or_complain(Checker& check, const std::string& path, const std::string& place,
                                             std::size_t max = kMaxPem) {
  std::string text, why;
  if (slurp(path, max, text, why)) return text;
  check.error(place, "`" + path + "` can't be read: " + why);
  return std::nullopt;
}

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void check_certificate(Checker& check, const Certificate& cert, const std::string& place) {
  if (cert.self_signed || cert.cert.empty() || cert.key.empty()) return;
  const auto cert_pem = slurp_or_complain(check, cert.cert, place + ".cert");
  const auto key_pem = slurp_or_complain(check, cert.key, place + ".key");
  if (!cert_pem) return;
  std::string why;
  const auto facts = base::read_certificate(*cert_pem, why);
  if (!facts) return check.error(place + ".cert", "`" + cert.cert + "`: " + why);
  const auto now = WallClock::now();
  if (facts->not_after < now) {
    check.warning(place + ".cert", "`" + cert.cert + "` has run out");
  } else if (facts->not_after < now + 14 * 24h) {
    check.warning(place + ".cert", "`" + cert.cert + "` runs out within 14 days");
  } else if (facts->not_before > now) {
    check.warning(place + ".cert", "`" + cert.cert + "` is not valid yet");
  }
  for (const auto& name : cert.names) {
    if (!facts->covers(name)) {
      check.error(place + ".names", "the certificate `" + cert.cert + "` is not for `" + name + "`",
                  "it is for " + list(facts->names));
    }
  }
  if (key_pem && !base::check_private_key(*cert_pem, *key_pem, why)) {
    check.error(place + ".key", "`" + cert.key + "`: " + why);
  }
}

void check_pool_files(Checker& check, const Pool& pool, const std::string& place) {
  if (pool.tls == "off") return;
  std::string why;
  if (!pool.tls_ca.empty()) {
    const auto ca = slurp_or_complain(check, pool.tls_ca, place + ".tls_ca");
    if (ca && !base::read_certificate(*ca, why)) check.error(place + ".tls_ca", "`" + pool.tls_ca + "`: " + why);
  }
  if (!pool.tls_cert.empty() && !pool.tls_key.empty()) {
    const auto cert = slurp_or_complain(check, pool.tls_cert, place + ".tls_cert");
    const auto key = slurp_or_complain(check, pool.tls_key, place + ".tls_key");
    if (cert && !base::read_certificate(*cert, why)) {
      check.error(place + ".tls_cert", "`" + pool.tls_cert + "`: " + why);
    } else if (cert && key && !base::check_private_key(*cert, *key, why)) {
      check.error(place + ".tls_key", "`" + pool.tls_key + "`: " + why);
    }
  }
}

// The files that say which certificates of clients are good.
void check_client_files(Checker& check, const std::string& ca, const std::string& crl, const std::string& place) {
  std::string why;
  if (!ca.empty()) {
    const auto pem = slurp_or_complain(check, ca, place + ".client_ca");
    if (pem && !base::read_certificate(*pem, why)) check.error(place + ".client_ca", "`" + ca + "`: " + why);
  }
  if (!crl.empty()) {
    const auto pem = slurp_or_complain(check, crl, place + ".client_crl", kMaxRevoked);
    if (pem && pem->find("-----BEGIN X509 CRL-----") == std::string::npos) {
      check.error(place + ".client_crl", "`" + crl + "`: there is no list of revoked certificates in PEM form in it");
    }
  }
}

void check_acme_files(Checker& check) {
  const Acme& acme = check.conf.acme;
  std::string why;
  if (!acme.ca_file.empty()) {
    const auto pem = slurp_or_complain(check, acme.ca_file, "acme.ca_file");
    if (pem && !base::read_certificate(*pem, why)) check.error("acme.ca_file", "`" + acme.ca_file + "`: " + why);
  }
  struct ::stat info {};
  if (acme.account_key.empty() || ::stat(acme.account_key.c_str(), &info) != 0) return;  // it will be made
  const auto pem = slurp_or_complain(check, acme.account_key, "acme.account_key");
  if (pem && !base::EcKey::from_pem(*pem)) {
    check.error("acme.account_key", "`" + acme.account_key + "` is no EC key on P-256 in PEM form",
                "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  }
}

Writer check_user(Checker& check) {
  const Node& node = check.conf.node;
  Writer writer;
  writer.groups.resize(256);
  const int own = ::getgroups(static_cast<int>(writer.groups.size()), writer.groups.data());
  writer.groups.resize(own > 0 ? static_cast<std::size_t>(own) : 0);
  writer.groups.push_back(::getegid());
  if (!node.user.empty()) {
    const ::passwd* user = ::getpwnam(node.user.c_str());
    if (user == nullptr) {
      check.error("node.user", "no such user: `" + node.user + "`", "adduser --system --group " + node.user);
    } else if (::geteuid() != 0 && ::geteuid() != user->pw_uid) {
      check.warning("node.user", "only root can become `" + node.user + "`");
    } else {
      writer.uid = user->pw_uid;
      writer.groups = {user->pw_gid};
    }
  }
  if (!node.group.empty()) {
    const ::group* group = ::getgrnam(node.group.c_str());
    if (group == nullptr) {
      check.error("node.group", "no such group: `" + node.group + "`");
    } else {
      writer.groups.push_back(group->gr_gid);
    }
  }
  return writer;
}

// A folder that can be written to, or made. Root makes it itself before it becomes the user.
void check_writable_folder(Checker& check, const Writer& writer, const std::string& path, const std::string& place) {
  struct ::stat info {};
  constexpr unsigned kWriteAndEnter = 3;
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return check.error(place, "`" + path + "` is not a folder");
    if (!writer.may(info, kWriteAndEnter)) {
      check.error(place, "`" + path + "` can't be written to by the user who will run it", "chown or another folder");
    }
    return;
  }
  std::filesystem::path above = path;
  do {
    above = above.has_parent_path() && above.parent_path() != above ? above.parent_path() : std::filesystem::path(".");
  } while (::stat(above.c_str(), &info) != 0 && above != "." && above != "/");
  if (!S_ISDIR(info.st_mode)) {
    check.error(place, "`" + path + "` can't be made: `" + above.string() + "` is not a folder");
  } else if (::access(above.c_str(), W_OK | X_OK) != 0) {
    check.error(place,
                "`" + path + "` is not there and can't be made in `" + above.string() + "`: " + std::strerror(errno));
  }
}

void check_log_file(Checker& check, const std::string& path, const std::string& place) {
  if (path.empty() || path == "-") return;
  struct ::stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return check.error(place, "`" + path + "` is a folder");
    if (::access(path.c_str(), W_OK) != 0)
      check.error(place, "`" + path + "` can't be written to: " + std::strerror(errno));
    return;
  }
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
    check.error(place, "`" + path + "` can't be made: no such folder: `" + folder.string() + "`");
  }
}

void check_root(Checker& check, const std::string& root, const std::string& place) {
  struct ::stat info {};
  if (::stat(root.c_str(), &info) != 0) {
    check.error(place, "`" + root + "`: " + std::strerror(errno));
  } else if (!S_ISDIR(info.st_mode)) {
    check.error(place, "`" + root + "` is not a folder");
  } else if (::access(root.c_str(), R_OK | X_OK) != 0) {
    check.error(place, "`" + root + "` can't be read: " + std::strerror(errno));
  }
}

void check_unix_folder(Checker& check, const std::string& address, const std::string& place) {
  const auto endpoint = base::Endpoint::parse(address);
  if (!endpoint || !endpoint->is_unix() || endpoint->unix_path.front() != '/') return;
  const auto folder = std::filesystem::path(endpoint->unix_path).parent_path();
  struct ::stat info {};
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    check.error(place, "no such folder: `" + folder.string() + "`, needed for the socket");
  }
}

void check_dkim_key(Checker& check, const SmtpDkim& row, const std::string& place) {
  const auto pem = base::read_file(row.key, 64 * 1024);
  if (!pem) return check.error(place + ".key", "`" + row.key + "`: " + pem.error().message());
  std::string why;
  const auto key = base::SigningKey::read(*pem, why);
  if (!key) check.error(place + ".key", "`" + row.key + "`: " + why, "make one with `genkan dkim keygen`");
}

void check_interface(Checker& check, const std::string& name, const std::string& place) {
  if (!name.empty() && ::if_nametoindex(name.c_str()) == 0) {
    // It may come later: a bridge, a bond, a tunnel.
    check.warning(place, "there is no network interface `" + name + "` now");
  }
}

}  // namespace

void check_host(const Conf& conf, std::vector<Problem>& problems) {
  Checker check(conf, problems);
  const Writer writer = check_user(check);
  check_writable_folder(check, writer, conf.node.state_dir, "node.state_dir");
  if (check.written("node.run_dir")) check_writable_folder(check, writer, conf.node.run_dir, "node.run_dir");
  check_log_file(check, conf.log.path, "log.path");
  check_log_file(check, conf.access_log.path, "access_log.path");
  if (!conf.syslog.ca.empty()) slurp_or_complain(check, conf.syslog.ca, "syslog.ca");
  if (!conf.syslog.cert.empty()) check_certificate(check, {{}, conf.syslog.cert, conf.syslog.key}, "syslog");
  for (std::size_t i = 0; i < conf.certificates.size(); ++i) {
    const Certificate& certificate = conf.certificates[i];
    check_certificate(check, certificate, at("certificate", i));
    check_client_files(check, certificate.client_ca, certificate.client_crl, at("certificate", i));
  }
  check_acme_files(check);
  for (std::size_t i = 0; i < conf.listens.size(); ++i) {
    check_client_files(check, conf.listens[i].client_ca, conf.listens[i].client_crl, at("listen", i));
    for (const auto& address : conf.listens[i].address) check_unix_folder(check, address, at("listen", i, "address"));
  }
  for (std::size_t i = 0; i < conf.smtp.listens.size(); ++i) {
    for (const auto& address : conf.smtp.listens[i].address) {
      check_unix_folder(check, address, at("smtp.listen", i, "address"));
    }
  }
  for (std::size_t i = 0; i < conf.smtp.dkims.size(); ++i)
    check_dkim_key(check, conf.smtp.dkims[i], at("smtp.dkim", i));
  for (std::size_t i = 0; i < conf.pools.size(); ++i) check_pool_files(check, conf.pools[i], at("pool", i));
  for (std::size_t i = 0; i < conf.routes.size(); ++i) {
    if (!conf.routes[i].root.empty()) check_root(check, conf.routes[i].root, at("route", i, "root"));
  }
  if (conf.cluster.enabled) check_interface(check, conf.cluster.interface, "cluster.interface");
  for (std::size_t i = 0; i < conf.vips.size(); ++i) {
    check_interface(check, conf.vips[i].interface, at("vip", i, "interface"));
  }
}

}  // namespace genkan::conf
