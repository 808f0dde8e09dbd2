#include "webmail/delivery.hpp"

namespace genkan::webmail {

std::string maildir_path(const std::string& state_dir, std::string_view address) {
  const auto at = address.rfind('@');
  return state_dir + "/mail/" + std::string(address.substr(at + 1)) + "/" + std::string(address.substr(0, at));
}

std::string index_path(const std::string& state_dir, const User& user) {
  return state_dir + "/webmail/" + user.account_id + ".db";
}

Result<> Delivery::deliver(std::string_view address, const Source& source) {
  auto user = users_.find(address);
  if (!user) return user.error();
  Maildir maildir(maildir_path(state_dir_, user->address));
  if (auto r = maildir.deliver("", source); !r) return r.error();
  if (on_delivered_) on_delivered_(*user);
  return {};
}

}  // namespace genkan::webmail
