#pragma once
#include <set>

namespace cohort::test {

/// Brings the library to rest: stops the helpers that it keeps for the life of the process (threads, the
/// server processes). Called before each look for leaks, so that what remains is the test's.
void settle_library();

/// The descriptors that the library keeps open until the end, once it has opened them.
std::set<int> kept_descriptors();

}  // namespace cohort::test
