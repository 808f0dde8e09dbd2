// The browser UI's files, in memory: those built into the program, or a folder while somebody works on them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "webmail/ask.hpp"

namespace genkan::webmail {

// Immutable once made; any thread.
class Assets {
 public:
  static Assets built_in();
  static Result<Assets> from_folder(const std::string& folder);  // blocks on the disk

  // `name` is relative ("assets/app-1A2B.js"); "" and paths without a file are index.html, so that deep links work.
  Answer get(std::string_view name, std::string_view if_none_match) const;
  bool empty() const { return files_.empty(); }
  void add(std::string name, std::string data);

 private:
  struct File {
    std::string data, type, etag;
    bool immutable = false;  // its name has a hash
  };
  std::map<std::string, File, std::less<>> files_;
};

}  // namespace genkan::webmail
