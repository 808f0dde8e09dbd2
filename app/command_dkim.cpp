// genkan dkim keygen, genkan dkim record: keys for [[smtp.dkim]].
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/commands.hpp"
#include "base/crypto_key.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "smtp/auth/dkim.hpp"

namespace genkan::app {
namespace {

constexpr std::size_t kMaxFile = 64 * 1024;
constexpr std::size_t kString = 255;  // of a TXT record (RFC 1035 3.3.14)

// As a zone file has it: no string of a record is longer than 255 octets.
void print_record(const DkimOptions& options, const base::SigningKey& key) {
  const auto record = smtp::key_record(key);
  std::printf("%s._domainkey.%s. IN TXT (", options.selector.c_str(), options.domain.c_str());
  for (std::size_t at = 0; at < record.size(); at += kString) {
    std::printf("%s\"%s\"", at == 0 ? "" : "\n  ", record.substr(at, kString).c_str());
  }
  std::printf(")\n");
}

// A file that nobody else can read, and that was not there: whoever loses a key loses the mail that is signed with it.
bool write_new(const std::string& path, const std::string& text) {
  const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return false;
  return ::write(fd.get(), text.data(), text.size()) == static_cast<::ssize_t>(text.size()) && ::fsync(fd.get()) == 0;
}

}  // namespace

int command_dkim_keygen(const DkimOptions& options) {
  const auto kind = options.type == "rsa" ? base::KeyKind::rsa : base::KeyKind::ed25519;
  const auto key = base::SigningKey::generate(kind, options.bits);
  if (!key) {
    std::fprintf(stderr, "genkan: the key could not be made\n");
    return EX_SOFTWARE;
  }
  if (!write_new(options.file, key->pem())) {
    const auto* why = errno == EEXIST ? "it is there already" : std::strerror(errno);
    std::fprintf(stderr, "genkan: %s: %s\n", options.file.c_str(), why);
    return EX_CANTCREAT;
  }
  print_record(options, *key);
  return EX_OK;
}

int command_dkim_record(const DkimOptions& options) {
  const auto pem = base::read_file(options.file, kMaxFile);
  if (!pem) {
    std::fprintf(stderr, "genkan: %s: %s\n", options.file.c_str(), pem.error().message().c_str());
    return EX_NOINPUT;
  }
  std::string why;
  const auto key = base::SigningKey::read(*pem, why);
  if (!key) {
    std::fprintf(stderr, "genkan: %s: %s\n", options.file.c_str(), why.c_str());
    return EX_DATAERR;
  }
  print_record(options, *key);
  return EX_OK;
}

}  // namespace genkan::app
