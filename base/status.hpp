// What rooms show to operators without the admin room knowing them. A room registers named sections (JSON, made on
// request) and named actions (drain a backend, retry the queue); admin serves them under /api/v1/NAME.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::base {

class StatusBoard {
 public:
  using Section = std::function<std::string()>;  // returns one JSON value; called from any thread, must be quick
  // Takes a JSON object; returns a JSON value or an error with a sentence for people in `why`.
  using Action = std::function<Result<std::string>(std::string_view json, std::string& why)>;

  void add_section(std::string name, Section section);
  void add_action(std::string name, Action action);
  void remove(std::string_view name);

  // `ready` is false while starting or draining; the reason is shown by /readyz.
  void set_ready(bool ready, std::string why);
  bool ready(std::string& why) const;

  std::vector<std::string> section_names() const;
  Result<std::string> section(std::string_view name) const;                                       // Errc::not_found
  Result<std::string> act(std::string_view name, std::string_view json, std::string& why) const;  // Errc::not_found

 private:
  mutable std::mutex mutex_;  // guards the maps; held only to copy a function out
  std::map<std::string, Section, std::less<>> sections_;
  std::map<std::string, Action, std::less<>> actions_;
  bool ready_ = false;
  std::string why_ = "starting";
};

}  // namespace genkan::base
