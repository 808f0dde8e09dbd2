#include "app/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace genkan::app {
namespace {

Error last_error() { return {errno, boost::system::system_category()}; }

// What root made for us. Nothing through a link: the folder around it may be the user's already, who could lay one.
bool hand_over(const std::string& path, ::uid_t uid, ::gid_t gid) {
  struct ::stat about {};
  if (path.empty() || ::lstat(path.c_str(), &about) != 0) return true;
  if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) return true;  // "/dev/stderr" stays whose it is
  return ::lchown(path.c_str(), uid, gid) == 0;
}

}  // namespace

Result<void> drop_privileges(const conf::Conf& conf, std::string& why) {
  const conf::Node& node = conf.node;
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
  const bool has_state = ::access(node.state_dir.c_str(), F_OK) == 0;  // an agent may have none
  if ((has_state && ::chown(node.state_dir.c_str(), uid, gid) != 0) || !hand_over(node.run_dir, uid, gid) ||
      !hand_over(conf.log.path, uid, gid) || ::initgroups(node.user.c_str(), gid) != 0 ||
      ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    const Error error = last_error();
    why = "cannot become '" + node.user + "': " + error.message();
    return error;
  }
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

}  // namespace genkan::app
