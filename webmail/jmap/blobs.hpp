// Blobs: bytes by id (RFC 8620 section 6). An id says where the bytes are:
//   b + email id            the whole message
//   p + email id + -1_2     one decoded part
//   u + SHA-256             an upload, kept for a day in a folder of its account
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "webmail/store/mail_store.hpp"

namespace genkan::webmail {

// Thread-safe: files that are written once, by rename. Blocks on the disk.
class Uploads {
 public:
  // `quota`: bytes that all uploads of one account may take together.
  explicit Uploads(std::string folder, std::uint64_t quota = 1u << 30) : folder_(std::move(folder)), quota_(quota) {}
  Result<std::string> put(const std::string& account, std::string_view bytes);  // Errc::exhausted: over the quota
  Result<std::string> get(const std::string& account, std::string_view blob_id);
  void expire(const std::string& account, std::int64_t now);  // removes what is older than a day

 private:
  std::string folder_;
  std::uint64_t quota_;
};

struct Blob {
  std::string bytes;
  std::string type;  // of a part or a message; empty for uploads
};

std::string email_blob_id(std::string_view email_id);
std::string part_blob_id(std::string_view email_id, std::string_view part_id);
// Errc::not_found when there is no such blob in this account.
Result<Blob> read_blob(MailStore& store, Uploads& uploads, const std::string& account, std::string_view id);

}  // namespace genkan::webmail
