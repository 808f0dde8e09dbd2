#include "conf/fill.hpp"

#include <utility>

#include "base/text.hpp"
#include "conf/decode.hpp"

namespace genkan::conf {
namespace {

class Filler {
 public:
  Filler(Conf& conf, std::vector<Problem>& problems) : conf_(conf), problems_(problems) {}

  // `path` is the section's name in Conf::places ("pool[0].health"), `title` as messages call it ("[pool.health]").
  void section(const Section& section, void* object, const Value& value, const std::string& path,
               const std::string& dotted) {
    if (!path.empty()) conf_.places[path] = value.place;
    for (const auto& entry : value.entries) {
      if (const Row* row = section.find_row(entry.name)) {
        directive(*row, object, entry, join(path, entry.name));
      } else if (const Section* child = section.find_section(entry.name)) {
        child_section(*child, object, entry, join(path, entry.name), join(dotted, entry.name));
      } else {
        unknown(section, entry, dotted);
      }
    }
    for (const auto& row : section.rows) {
      if (row.type.required && value.find(row.name) == nullptr) {
        problem(value.place, title(section, dotted) + " needs `" + std::string(row.name) + "`",
                "such as " + std::string(row.name) + " = " + std::string(row.type.example));
      }
    }
  }

  std::set<std::string, std::less<>> failed;

 private:
  static std::string join(const std::string& outer, std::string_view inner) {
    return outer.empty() ? std::string(inner) : outer + "." + std::string(inner);
  }
  static std::string title(const Section& section, const std::string& dotted) {
    if (dotted.empty()) return "the file";
    return section.repeated ? "[[" + dotted + "]]" : "[" + dotted + "]";
  }

  void problem(const Place& place, std::string what, std::string hint = {}) {
    problems_.push_back({conf_.files[place.file], place.line, place.column, std::move(what), std::move(hint), false});
  }

  void directive(const Row& row, void* object, const Entry& entry, const std::string& path) {
    conf_.places[path] = entry.value.place;
    const Slot slot = row.slot(object);
    Complaint complaint;
    const auto& file = conf_.files[entry.value.place.file];
    if (!entry.value.bad && decode(entry.value, row.type, row.name, file, slot, complaint)) return;
    failed.insert(path);
    if (!complaint.what.empty()) problem(complaint.place, std::move(complaint.what), std::move(complaint.hint));
    // Nothing will run with this Conf; but the checks that follow must not complain of a missing secret too.
    if (row.type.kind == Kind::secret) *std::get<std::string*>(slot) = "a secret that could not be read";
  }

  void child_section(const Section& child, void* object, const Entry& entry, const std::string& path,
                     const std::string& dotted) {
    const Value& value = entry.value;
    if (!child.repeated) {
      if (value.kind == Value::Kind::table) return section(child, child.open(object), value, path, dotted);
      const bool list = value.is_table_list();
      return problem(entry.place, "`" + dotted + "` is a section, not " + std::string(value.kind_name()),
                     list ? "there is only one: write [" + dotted + "]" : "write [" + dotted + "]");
    }
    // `pool = []` is a list of no sections.
    const bool empty_list = value.kind == Value::Kind::list && value.list.empty();
    if (!value.is_table_list() && !empty_list) {
      return problem(entry.place, "`" + dotted + "` is a list of sections, not " + std::string(value.kind_name()),
                     "write [[" + dotted + "]]");
    }
    for (std::size_t i = 0; i < value.list.size(); ++i) {
      section(child, child.open(object), value.list[i], path + "[" + std::to_string(i) + "]", dotted);
    }
  }

  // Quoted names can hold anything, so a message shows them short and printable.
  static std::string printable(const std::string& name) {
    constexpr std::size_t kMaxShown = 80;
    const auto quoted = toml_quote(std::string_view(name).substr(0, kMaxShown));
    return quoted.size() == name.size() + 2 ? name : quoted;
  }

  void unknown(const Section& section, const Entry& entry, const std::string& dotted) {
    const bool is_section = entry.value.kind == Value::Kind::table || entry.value.is_table_list();
    std::vector<std::string_view> names;
    for (const auto& row : section.rows) names.push_back(row.name);
    for (const auto& child : section.sections) names.push_back(child.name);
    if (dotted.empty()) names.push_back("include");
    std::string hint;
    if (const auto near = base::nearest(entry.name, names); !near.empty()) {
      hint = "did you mean `" + std::string(near) + "`?";
    } else if (const auto homes = homes_of(table(), entry.name, {}); !homes.empty()) {
      hint = "it belongs in " + homes;
    }
    const std::string name = "`" + printable(entry.name) + "`";
    if (dotted.empty()) {
      problem(entry.place, (is_section ? "unknown section " : "unknown directive ") + name, hint);
    } else {
      problem(entry.place,
              (is_section ? "unknown section " : "unknown directive ") + name + " in " + title(section, dotted), hint);
    }
  }

  // The sections that have a directive of this name: "[pool.health] or [smtp.relay]".
  static std::string homes_of(const Section& section, std::string_view name, const std::string& dotted) {
    std::string out;
    const auto add = [&](const std::string& home) {
      if (!home.empty()) out += (out.empty() ? "" : " or ") + home;
    };
    if (!dotted.empty() && section.find_row(name) != nullptr) add(title(section, dotted));
    for (const auto& child : section.sections) add(homes_of(child, name, join(dotted, child.name)));
    return out;
  }

  Conf& conf_;
  std::vector<Problem>& problems_;
};

}  // namespace

std::set<std::string, std::less<>> fill(Conf& conf, const Value& root, std::vector<Problem>& problems) {
  Filler filler(conf, problems);
  filler.section(table(), &conf, root, {}, {});
  return std::move(filler.failed);
}

}  // namespace genkan::conf
