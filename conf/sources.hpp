// Brings the configuration's files together: reads a file, follows its `include`, replaces ${NAME}, merges all into
// one tree. Lists of sections are appended, an included file's rows before those of the file that includes it (so that
// a catch-all route at the end of the main file stays last); one value given in two files is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/expand.hpp"
#include "conf/reader.hpp"
#include "conf/value.hpp"

namespace genkan::conf {

struct Sources {
  Value root;                      // a table
  std::vector<std::string> files;  // in the order they were opened; Place::file indexes them
  bool broken = false;             // a file is missing from `root` (unreadable, not TOML): references can't be judged
};

class SourceReader {
 public:
  SourceReader(const Environment& environment, std::vector<Problem>& problems);

  Sources read_file(const std::string& path);
  Sources read_text(std::string_view text, const std::string& name);

 private:
  struct Stack {  // the files that are being read, innermost first
    std::string identity;
    const Stack* outer = nullptr;
  };

  Value load_file(const std::string& path, const Place* from, const Stack* outer);
  Value load_text(std::string_view text, std::uint32_t file, const Stack* self);
  void follow(const Value& include, std::uint32_t file, const Stack* self, Value& into);
  void follow_one(const Value& item, std::uint32_t file, const Stack* self, Value& into);
  void expand_all(Value& value);
  void merge(Value& into, Value&& from, const std::string& path);
  void problem(const Place& place, std::string what, std::string hint = {});

  const Environment& environment_;
  std::vector<Problem>& problems_;
  std::vector<std::string> files_;
  std::vector<std::pair<std::string, std::string>> read_;  // identity, name of every file opened so far
  bool broken_ = false;
};

// Reads a regular file of at most `max` bytes. False: `why` says what is wrong with it.
bool slurp(const std::string& path, std::size_t max, std::string& out, std::string& why);
// `path` seen from the folder of `file`; unchanged when absolute.
std::string beside(const std::string& file, const std::string& path);

}  // namespace genkan::conf
