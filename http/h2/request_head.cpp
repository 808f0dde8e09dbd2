#include "http/h2/request_head.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/target.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::size_t kUsualText = 512, kUsualFields = 16;  // room that most requests need no more than

}  // namespace

bool RequestHead::add(std::string_view name, std::string_view value, const conf::Http& limits) {
  bytes_ += name.size() + value.size() + 4;  // as it would be in HTTP/1.1
  if (refuse_) return false;
  if (bytes_ > limits.max_head || name.size() > 0xffff) {
    refuse_ = 431;
    return false;
  }
  if (!name.empty() && name.front() == ':') {
    if (name == ":method") {
      method_ = value;
    } else if (name == ":path") {
      path_ = value;
    } else if (name == ":authority") {
      authority_ = value;
    } else if (name == ":scheme") {
      scheme_ = value;
    } else if (name == ":protocol") {
      protocol_ = value;
    }
    return true;
  }
  const bool cookie = name == "cookie";
  if (!cookie && ++count_ > limits.max_fields) {
    refuse_ = 431;
    return false;
  }
  if (entries_.empty()) {
    text_.reserve(kUsualText);
    entries_.reserve(kUsualFields);
  }
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_.append(name).append(value);
  entries_.push_back({at, static_cast<std::uint32_t>(at + name.size()), static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(name.size()), cookie});
  return true;
}

// RFC 9113 8.2.3: crumbs were split for compression only; whoever goes on in HTTP/1.1 sends one field.
void RequestHead::join_cookies() {
  const auto is_cookie = [](const Entry& e) { return e.cookie; };
  if (std::count_if(entries_.begin(), entries_.end(), is_cookie) < 2) return;
  std::string all;
  for (const Entry& e : entries_) {
    if (!e.cookie) continue;
    if (!all.empty()) all += "; ";
    all.append(text_, e.value_at, e.value_size);
  }
  std::erase_if(entries_, is_cookie);
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_ += "cookie";
  text_ += all;
  entries_.push_back({at, at + 6, static_cast<std::uint32_t>(all.size()), 6, true});
}

int RequestHead::make(Request& r, const conf::Http& limits) {
  join_cookies();
  const auto host_at = static_cast<std::uint32_t>(text_.size());
  const bool has_host = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return field_id(std::string_view(text_).substr(e.name_at, e.name_size)) == FieldId::host;
  });
  if (!has_host && !authority_.empty()) {
    text_ += "host";
    text_ += authority_;
  }
  r.fields.clear(text_.data());
  if (!has_host && !authority_.empty()) r.fields.add_parsed(host_at, 4, host_at + 4, authority_.size());
  for (const Entry& e : entries_) r.fields.add_parsed(e.name_at, e.name_size, e.value_at, e.value_size);
  r.method_text = method_;
  r.method = method_of(method_);
  r.target = path_;
  if (refuse_) return refuse_;
  if (const int status = check_authority(r)) return status;
  return check_target(r, limits);
}

// RFC 9113 8.3.1: Host and :authority, where both are there, say the same.
int RequestHead::check_authority(Request& r) {
  if (r.fields.count(FieldId::host) != 1) return 400;
  const std::string_view host_field = *r.fields.get(FieldId::host);
  if (authority_.empty()) {
    r.authority = host_field;
  } else {
    if (!base::iequals(host_field, authority_)) return 400;
    r.authority = authority_;
  }
  const auto authority = parse_authority(r.authority);
  if (!authority) return 400;
  r.host = authority->host;
  if (std::any_of(r.host.begin(), r.host.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    host_store_ = base::to_lower(r.host);
    r.host = host_store_;
  }
  return 0;
}

int RequestHead::check_target(Request& r, const conf::Http& limits) {
  if (r.method == Method::connect && protocol_.empty()) return 405;
  if (path_.size() > limits.max_target) return 414;
  if (scheme_ != "http" && scheme_ != "https") return 400;
  const auto target = split_target(path_);
  if (!target) return 400;
  if (target->form == TargetForm::asterisk) {
    if (r.method != Method::options) return 400;
    r.path = "*";
  } else {
    if (target->form != TargetForm::origin) return 400;
    const auto path = normalise_path(target->path, path_store_, limits.merge_slashes);
    if (!path) return 400;
    r.path = *path;
  }
  r.query = target->query;
  r.has_query = target->has_query;
  return 0;
}

}  // namespace genkan::http::h2
