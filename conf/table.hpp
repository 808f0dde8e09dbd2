// The table of directives: one row each. Reading, checking, docs/directives.md, genkan.toml(5) and conf/full.toml
// follow from it. A row is written in the table_*.cpp of its section:
//
//     s.row("interval", &Health::interval, duration(100ms, 10min), "Time between two checks of one backend.");
//
// The default is the field's own; the order of the rows is the order in the documents.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/conf.hpp"
#include "conf/type.hpp"

namespace genkan::conf {

struct Row {
  std::string_view name;
  Type type;
  std::string_view help;
  std::function<Slot(void* object)> slot;  // the field in an object of the row's section
};

struct Section {
  std::string_view name;
  std::string_view help;
  bool repeated = false;  // [[name]] rather than [name]
  std::vector<Row> rows;
  std::vector<Section> sections;
  // The object of this section in its parent; for a repeated one a new object at the end of the list, which stays in
  // place until the next one is opened.
  std::function<void*(void* parent)> open;
  std::shared_ptr<void> defaults;  // a fresh object: every default

  const Row* find_row(std::string_view row) const;
  const Section* find_section(std::string_view section) const;
};

// The whole configuration; its sections are the file's.
const Section& table();

// Writes the rows of a section whose object is an S.
template <class S>
class SectionOf {
 public:
  explicit SectionOf(std::string_view help) {
    section_.help = help;
    section_.defaults = std::make_shared<S>();
  }

  template <class T>
  void row(std::string_view name, T S::*field, Type type, std::string_view help) {
    section_.rows.push_back(
        {name, std::move(type), help, [field](void* object) -> Slot { return &(static_cast<S*>(object)->*field); }});
  }
  template <class T>
  void one(std::string_view name, T S::*field, Section child) {
    child.name = name;
    child.open = [field](void* parent) -> void* { return &(static_cast<S*>(parent)->*field); };
    section_.sections.push_back(std::move(child));
  }
  template <class T>
  void many(std::string_view name, std::vector<T> S::*field, Section child) {
    child.name = name;
    child.repeated = true;
    child.open = [field](void* parent) -> void* { return &(static_cast<S*>(parent)->*field).emplace_back(); };
    section_.sections.push_back(std::move(child));
  }
  Section take() { return std::move(section_); }

 private:
  Section section_;
};

// Where the rows are written.
Section node_section();
Section log_section();
Section access_log_section();
Section listen_section();
Section certificate_section();
Section acme_section();
Section tls_section();
Section http_section();
Section pool_section();
Section limit_section();
Section route_section();
Section compression_section();
Section cache_section();
Section cluster_section();
Section smtp_section();
Section webmail_section();
Section admin_section();
Section vip_section();

}  // namespace genkan::conf
