// Headers as filters see them, and their changes carried out. Every line that is made here ends in CRLF, whatever the
// filter sent: a bare CR or LF in a value would be a way around what smtp/content.hpp refuses.
#include <algorithm>

#include "base/text.hpp"
#include "smtp/milter/protocol.hpp"

namespace genkan::smtp {
namespace {

// A value with LF between folded lines, as lines with CRLF. A line that is no continuation is made one.
std::string folded(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' || c == '\0') continue;
    if (c != '\n') {
      out += c;
      continue;
    }
    const bool continued = i + 1 < value.size() && (value[i + 1] == ' ' || value[i + 1] == '\t');
    out += continued ? "\r\n" : "\r\n ";
  }
  return out;
}

std::string field_text(const std::string& name, std::string_view value, bool leading_space) {
  return name + (leading_space ? ":" : ": ") + folded(value) + "\r\n";
}

std::string with_crlf(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\r' && (i + 1 == body.size() || body[i + 1] != '\n')) {
      out += ' ';
    } else if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r')) {
      out += "\r\n";
    } else {
      out += body[i];
    }
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out;
}

struct Line {
  std::string name, text;
};

void change_field(std::vector<Line>& lines, const MilterChange& change, bool leading_space) {
  std::uint32_t seen = 0;
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    if (!base::iequals(line->name, change.name) || ++seen != std::max(1u, change.index)) continue;
    if (change.value.empty()) {
      lines.erase(line);
    } else {
      line->text = field_text(change.name, change.value, leading_space);
    }
    return;
  }
  if (change.value.empty()) return;
  Line line;
  line.name = change.name;
  line.text = field_text(change.name, change.value, leading_space);
  lines.push_back(std::move(line));
}

}  // namespace

std::vector<HeaderField> header_fields(std::string_view content, std::size_t& body) {
  std::vector<HeaderField> fields;
  std::size_t at = 0;
  body = content.size();
  while (at < content.size()) {
    auto end = content.find("\r\n", at);
    if (end == std::string_view::npos) end = content.size();
    const auto next = std::min(content.size(), end + 2);
    const auto line = content.substr(at, end - at);
    if (line.empty()) {
      body = next;
      return fields;
    }
    const bool folds = line.front() == ' ' || line.front() == '\t';
    const auto colon = line.find(':');
    if (folds && !fields.empty()) {
      fields.back().value += "\n";
      fields.back().value += line;
      fields.back().end = next;
    } else if (folds || colon == std::string_view::npos || colon == 0) {
      body = at;  // text without a header, or behind a broken one
      return fields;
    } else {
      HeaderField field;
      field.name = base::trim(line.substr(0, colon));
      field.value = line.substr(colon + 1);
      field.begin = at;
      field.end = next;
      fields.push_back(std::move(field));
    }
    at = next;
  }
  return fields;
}

std::string changed_content(std::string_view content, const std::vector<MilterChange>& changes, bool leading_space) {
  std::size_t body_at = 0;
  std::vector<Line> lines;
  for (const auto& field : header_fields(content, body_at)) {
    Line line;
    line.name = field.name;
    line.text = content.substr(field.begin, field.end - field.begin);
    lines.push_back(std::move(line));
  }
  std::string new_body;
  bool replaced = false;
  for (const auto& change : changes) {
    if (change.kind == MilterChange::Kind::replace_body) {
      new_body += change.value;
      replaced = true;
    } else if (change.kind == MilterChange::Kind::change_header) {
      change_field(lines, change, leading_space);
    } else if (change.kind == MilterChange::Kind::add_header || change.kind == MilterChange::Kind::insert_header) {
      Line line;
      line.name = change.name;
      line.text = field_text(change.name, change.value, leading_space);
      const bool insert = change.kind == MilterChange::Kind::insert_header;
      const auto place = insert ? std::min<std::size_t>(change.index, lines.size()) : lines.size();
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(place), std::move(line));
    }
  }
  std::string out;
  for (const auto& line : lines) out += line.text;
  if (!out.ends_with("\r\n") && !out.empty()) out += "\r\n";
  const auto body = content.substr(body_at);
  out += "\r\n";
  if (replaced) {
    out += with_crlf(new_body);
  } else {
    out += body;
  }
  return out;
}

}  // namespace genkan::smtp
