#include "conf/conf.hpp"

#include <algorithm>

namespace genkan::conf {
namespace {

template <class T>
const T* find_named(const std::vector<T>& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Pool* Conf::find_pool(std::string_view name) const { return find_named(pools, name); }
const SmtpRelay* Conf::find_relay(std::string_view name) const { return find_named(smtp.relays, name); }

Place Conf::place(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos) return {};
    path = path.substr(0, dot);
  }
}

std::string Conf::where(std::string_view path) const {
  const Place found = place(path);
  if (found.file >= files.size()) return {};
  return files[found.file] + (found.line == 0 ? std::string() : ":" + std::to_string(found.line));
}

}  // namespace genkan::conf
