#pragma once
#include <string_view>

namespace cohort::test {

/// Brings the library to rest: stops the helpers that it keeps for the life of the process (threads, the
/// server processes). Called before each look for leaks, so that what remains is the test's.
void settle_library();

/// Whether the library keeps a descriptor open until the end, once it has opened it.
bool is_kept(int descriptor, std::string_view target);

}  // namespace cohort::test
