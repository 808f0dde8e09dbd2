#include "app/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

namespace genkan::app {
namespace {

Error last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

Result<void> drop_privileges(const conf::Node& node, std::string& why) {
  if (node.user.empty()) return {};
  const ::passwd* user = ::getpwnam(node.user.c_str());
  if (!user) {
    why = "there is no user '" + node.user + "' ([node] user)";
    return Errc::not_found;
  }
  ::gid_t gid = user->pw_gid;
  const ::uid_t uid = user->pw_uid;
  if (!node.group.empty()) {
    const ::group* group = ::getgrnam(node.group.c_str());
    if (!group) {
      why = "there is no group '" + node.group + "' ([node] group)";
      return Errc::not_found;
    }
    gid = group->gr_gid;
  }
  if (::geteuid() == uid) return {};
  if (::geteuid() != 0) {
    why = "only root can become '" + node.user + "' ([node] user)";
    return Errc::refused;
  }
  if (::chown(node.state_dir.c_str(), uid, gid) != 0 || ::initgroups(node.user.c_str(), gid) != 0 ||
      ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    const Error error = last_error();
    why = "cannot become '" + node.user + "': " + error.message();
    return error;
  }
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

}  // namespace genkan::app
