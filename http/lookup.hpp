// What rules ask of a request beyond its fields: one cookie, one argument of the query, the kind of program that a
// User-Agent names. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/fields.hpp"

namespace genkan::http {

// The value of the first cookie of that name (RFC 6265 4.2), without the quotes around it. A view into the fields.
std::optional<std::string_view> cookie_value(const Fields& fields, std::string_view name);

// The first argument of that name, decoded (%XX and +). A view into `query` or `store`.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name, std::string& store);

// Every %XX that is one decoded; with `form`, + is a space.
std::string percent_decoded(std::string_view text, bool form = false);

// Bits. A phone's browser is browser and mobile; a crawler that says "Mobile" is a bot.
enum AgentClass : unsigned { kBrowser = 1, kBot = 2, kMobile = 4 };
unsigned agent_class(std::string_view user_agent);

}  // namespace genkan::http
