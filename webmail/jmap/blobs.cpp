#include "webmail/jmap/blobs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "webmail/mime/parser.hpp"

namespace genkan::webmail {

namespace {

constexpr std::int64_t kKeepFor = 86400;
constexpr std::size_t kEmailId = 21;  // 'e' and 20 hex digits, store/ids.hpp

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::uint64_t used_by(const std::string& folder) {
  std::uint64_t total = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto size = entry.file_size(error);
    if (!error) total += size;
  }
  return total;
}

}  // namespace

Result<std::string> Uploads::put(const std::string& account, std::string_view bytes) {
  const auto folder = folder_ + "/" + account;
  if (auto r = base::make_dirs(folder, 0700); !r) return r.error();
  if (used_by(folder) + bytes.size() > quota_) return Errc::exhausted;
  const auto digest = base::sha256(bytes);
  auto id = "u" + base::hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  if (auto r = base::write_file_durable(folder + "/" + id, bytes); !r) return r.error();
  return id;
}

Result<std::string> Uploads::get(const std::string& account, std::string_view id) {
  if (id.size() != 65 || id[0] != 'u' || !is_hex(id.substr(1))) return Errc::not_found;
  auto bytes = base::read_file(folder_ + "/" + account + "/" + std::string(id), 1u << 30);
  if (!bytes && bytes.error() == Error(ENOENT, boost::system::system_category())) return Errc::not_found;
  return bytes;
}

void Uploads::expire(const std::string& account, std::int64_t now) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/" + account, error)) {
    struct stat status {};
    const auto path = entry.path().string();
    if (::stat(path.c_str(), &status) == 0 && status.st_mtim.tv_sec + kKeepFor < now) ::unlink(path.c_str());
  }
}

std::string email_blob_id(std::string_view email_id) { return "b" + std::string(email_id); }

std::string part_blob_id(std::string_view email_id, std::string_view part_id) {
  std::string out = "p" + std::string(email_id) + "-" + std::string(part_id);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

Result<Blob> read_blob(MailStore& store, Uploads& uploads, const std::string& account, std::string_view id) {
  if (id.starts_with('u')) {
    auto bytes = uploads.get(account, id);
    if (!bytes) return bytes.error();
    return Blob{std::move(*bytes), {}};
  }
  const bool part = id.starts_with('p');
  if ((!part && !id.starts_with('b')) || id.size() < 1 + kEmailId) return Errc::not_found;
  auto email = store.email(id.substr(1, kEmailId));
  if (!email) return email.error();
  const auto rest = id.substr(1 + kEmailId);
  if (!part && !rest.empty()) return Errc::not_found;
  auto message = store.bytes(*email);
  if (!message) return message.error();
  if (!part) return Blob{std::move(*message), "message/rfc822"};
  if (rest.size() < 2 || rest[0] != '-') return Errc::not_found;
  std::string part_id(rest.substr(1));
  std::replace(part_id.begin(), part_id.end(), '_', '.');
  const auto parsed = mime::parse(*message);
  const auto* found = mime::find_part(parsed, part_id);
  if (!found) return Errc::not_found;
  return Blob{mime::part_bytes(*message, *found), found->type};
}

}  // namespace genkan::webmail
