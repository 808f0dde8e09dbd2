// Tests of a script, checked and typed.
#pragma once

#include "webmail/sieve/arguments.hpp"

namespace genkan::webmail::sieve {

bool compile_test(const Node& node, const Extensions& required, Test& out, Problem& problem);

}  // namespace genkan::webmail::sieve
