#include "base/status.hpp"

#include <utility>

namespace genkan::base {

void StatusBoard::add_section(std::string name, Section section) {
  std::lock_guard lock(mutex_);
  sections_.insert_or_assign(std::move(name), std::move(section));
}

void StatusBoard::add_action(std::string name, Action action) {
  std::lock_guard lock(mutex_);
  actions_.insert_or_assign(std::move(name), std::move(action));
}

void StatusBoard::remove(std::string_view name) {
  std::lock_guard lock(mutex_);
  if (auto it = sections_.find(name); it != sections_.end()) sections_.erase(it);
  if (auto it = actions_.find(name); it != actions_.end()) actions_.erase(it);
}

void StatusBoard::set_ready(bool ready, std::string why) {
  std::lock_guard lock(mutex_);
  ready_ = ready;
  why_ = std::move(why);
}

bool StatusBoard::ready(std::string& why) const {
  std::lock_guard lock(mutex_);
  why = why_;
  return ready_;
}

std::vector<std::string> StatusBoard::section_names() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, section] : sections_) names.push_back(name);
  return names;
}

Result<std::string> StatusBoard::section(std::string_view name) const {
  Section section;
  {
    std::lock_guard lock(mutex_);
    auto it = sections_.find(name);
    if (it == sections_.end()) return Errc::not_found;
    section = it->second;
  }
  return section();
}

Result<std::string> StatusBoard::act(std::string_view name, std::string_view json, std::string& why) const {
  Action action;
  {
    std::lock_guard lock(mutex_);
    auto it = actions_.find(name);
    if (it == actions_.end()) {
      why = "there is no such action";
      return Errc::not_found;
    }
    action = it->second;
  }
  return action(json, why);
}

}  // namespace genkan::base
