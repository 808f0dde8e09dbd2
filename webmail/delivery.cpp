#include "webmail/delivery.hpp"

#include "webmail/maildir/quota.hpp"

namespace genkan::webmail {

std::string maildir_path(const std::string& state_dir, std::string_view address) {
  const auto at = address.rfind('@');
  return state_dir + "/mail/" + std::string(address.substr(at + 1)) + "/" + std::string(address.substr(0, at));
}

std::string index_path(const std::string& state_dir, const User& user) {
  return state_dir + "/webmail/" + user.account_id + ".db";
}

Result<bool> Delivery::full(std::string_view address) {
  const auto quota = quota_.load(std::memory_order_relaxed);
  if (quota == 0) return false;
  auto user = users_.find(address);
  if (!user) return Result<bool>(boost::system::in_place_error, user.error());
  auto room = maildir_has_room(maildir_path(state_dir_, user->address), quota, 1);
  if (!room) return room;
  return !*room;
}

Result<bool> Delivery::has_room(const Maildir& maildir, std::uint64_t octets) const {
  const auto quota = quota_.load(std::memory_order_relaxed);
  return quota == 0 ? Result<bool>(true) : maildir_has_room(maildir.path(), quota, octets);
}

Result<> Delivery::deliver(std::string_view address, const Source& source) {
  auto user = users_.find(address);
  if (!user) return user.error();
  Maildir maildir(maildir_path(state_dir_, user->address));
  const auto room = has_room(maildir, source.prefix.size() + (source.fd >= 0 ? source.length : source.memory.size()));
  if (!room) return room.error();
  if (!*room) return Errc::exhausted;
  if (auto r = maildir.deliver("", source); !r) return r.error();
  if (on_delivered_) on_delivered_(*user);
  return {};
}

}  // namespace genkan::webmail
