#include "admin/page.hpp"

namespace genkan::admin {

std::string_view page_text() {
  for (const auto& file : page_files()) {
    if (file.name == "index.html") return file.data;
  }
  return "<!doctype html><title>genkan</title><p>This program was built without its status page. See "
         "<a href=\"/api/v1/status\">/api/v1/status</a>.";
}

}  // namespace genkan::admin
