// Under which name a response is kept: the key of its URL, the scope (which route answered), and what Vary selects
// (RFC 9111 2 and 4.1). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/fields.hpp"
#include "http/message.hpp"

namespace genkan::cache {

// "https|example.org|/path?query"; the port stands behind the host unless it is the scheme's own.
// Two routes may give one URL to different backends, so that a route's name is part of the match, but not of this key:
// a purge of a URL reaches the responses of every route.
std::string url_key(std::string_view scheme, std::string_view authority, std::string_view path, bool has_query,
                    std::string_view query);
std::string url_key(const http::Request& request);

// The key of an absolute http or https URL, as an operator writes it. Errc::malformed.
Result<std::string> url_key_of(std::string_view url);
// The keys that a response's Location or Content-Location names, when it lies on the request's own origin (4.4): ""
// else.
std::string related_key(const http::Request& request, std::string_view reference);
// The same URL with the other scheme: operators purge what they see, not how they came.
std::string other_scheme(std::string_view key);

// The names of Vary, lower case, sorted, each once.
std::vector<std::string> vary_names(const http::Fields& response);
// The request's values of these fields in one text. Lists are compared without spaces; the order of Accept-Encoding's
// members and the case of Accept-Encoding and Accept-Language do not matter (4.1 allows that).
std::string vary_key(const std::vector<std::string>& names, const http::Fields& request);

}  // namespace genkan::cache
